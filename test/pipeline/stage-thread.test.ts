/** A stage in a thread of its own gives what it gives in the run's: traces, counts, ledgers and what was learnt, to the byte. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect, test } from "vitest";
import { stages } from "../../src/catalog.ts";
import { neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import type { Channel } from "../../src/pipeline/guard-link.ts";
import { connectStage, hostStage, type StartThread } from "../../src/pipeline/stage-thread.ts";
import { anyOptions, defineStage } from "../../src/stage.ts";
import { type RunChoices, root, runText } from "../support/world.ts";

const folder = resolve(root, "pipelines");

function lineOver<In, Out>(port: MessagePort): Channel<In, Out> {
  return {
    send: (message) => port.postMessage(message),
    listen(heard, closed) {
      port.on("message", heard);
      port.on("close", () => closed("the port was closed"));
    },
    close: () => port.close(),
  };
}

/** Both ends in one thread: messages are copied as between two. Answers how many were started, too. */
function threads() {
  const started: string[] = [];
  const startThread: StartThread = (task) => {
    started.push(task.context.id);
    const { port1, port2 } = new MessageChannel();
    hostStage(
      lineOver(port2),
      structuredClone(task),
      anyOptions(stages.find(({ name }) => name === task.use)!),
      {
        readText: (path) => readFileSync(resolve(folder, path), "utf8"),
      },
    );
    return lineOver(port1);
  };
  return { started, startThread };
}

const told = (name: string, choices: RunChoices) =>
  toldOf(readFileSync(resolve(folder, `${name}.yaml`), "utf8"), choices);

async function toldOf(text: string, choices: RunChoices) {
  const learned: [string, string][] = [];
  const { summary, trace } = await runText(text, {
    ...choices,
    onLearned: (...each) => learned.push(each),
  });
  return {
    trace,
    learned,
    exitCode: summary.exitCode,
    stages: summary.stages.map(({ latency: _, ...stage }) => stage),
  };
}

test.each(["follow", "dodge"])("%s", async (name) => {
  const overrides = ["brain.chip=generic"];
  const { started, startThread } = threads();
  const own = await told(name, { overrides: [...overrides, "brain.thread=own"], startThread });
  expect(own).toEqual(await told(name, { overrides }));
  expect(own.trace.length).toBeGreaterThan(50);
  // What hears of its own actuator can't be asked later.
  expect(started).toEqual(name === "dodge" ? [] : ["brain"]);
});

/** Thirty milliseconds of a disc that grows, on a network with dense synapses. */
function seen(grid: string, map: string, threshold: number, more = ""): string {
  const neurons = `{ grid: {}, map: { shape: ${map}, neuron: { threshold: ${threshold} } } }`;
  const synapses = `{ from: grid, to: map, pattern: dense, weights: 0.2${more} }`;
  return `
about: A disc.
stages:
  - { id: eye, use: synthetic, scene: looming-disc, durationMs: 30, sizePx: 64, stepUs: 2000, noiseHz: 5, seed: 1 }
  - { id: grid, use: polarity-grid, ${grid}, polarity: merge }
  - { id: brain, use: core, network: { input: grid, output: map, populations: ${neurons}, projections: [${synapses}] } }
  - { id: aim, use: population-vector, axis: x, command: pan, firstDeg: 60, lastDeg: 120 }
  - { id: pan, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`;
}

test("what a network learns there is told at the end", async () => {
  const text = seen("columns: 8, rows: 8", "[1, 4, 4]", 8, ", plasticity: { rule: pair }");
  const { startThread, started } = threads();
  const own = await toldOf(text, { overrides: ["brain.thread=own"], startThread });
  expect(own).toEqual(await toldOf(text, {}));
  expect(own.learned).toEqual([["brain", expect.stringContaining("weights")]]);
  expect(started).toEqual(["brain"]);
});

test("auto: a large network has a thread in a run that keeps pace with the clock, and in no other", async () => {
  const text = seen("columns: 64, rows: 64", "[1, 16, 32]", 40);
  const run = async (speed: number | "max") => {
    const { started, startThread } = threads();
    const { trace } = await toldOf(text, { startThread, speed });
    return { trace, started };
  };
  const [fast, paced] = [await run("max"), await run(1)];
  expect(fast.started).toEqual([]);
  expect(paced.started).toEqual(["brain"]);
  expect(paced.trace).toEqual(fast.trace);
});

const failing = defineStage({
  name: "failing",
  about: "Fails at the second packet.",
  takes: "spikes",
  gives: "spikes",
  options: stages[0]!.options,
  create() {
    let steps = 0;
    return (packet) => {
      steps += 1;
      if (steps === 2) throw new RangeError("too far");
      return packet;
    };
  },
});

test("packets return in their order; a failure there is told here, and a thread that is gone is, too", async () => {
  const geometry = neurons(1, 1, 4);
  const task = { use: "failing", options: {}, context: { id: "brain", geometry, seed: 1 } };
  const { port1, port2 } = new MessageChannel();
  hostStage(lineOver(port2), task, anyOptions(failing), { readText: () => "" });
  const thread = connectStage(lineOver(port1), "brain", geometry);
  await thread.ready;
  const packet = new Packet(geometry).begin(0, 10);
  packet.push(3, 2);
  packet.withheld = 5;
  const first = thread.step(packet);
  // The packet is lent: what it holds later is of no matter.
  packet.begin(10, 20);
  const second = thread.step(packet);
  const { fromUs, toUs, count, times, addresses, withheld } = await first;
  expect([fromUs, toUs, count, times[0], addresses[0], withheld]).toEqual([0, 10, 1, 3, 2, 5]);
  await expect(second).rejects.toThrow("[brain] the stage failed: too far");
  await expect(thread.step(packet)).rejects.toThrow("too far");
  await thread.finish();

  const other = new MessageChannel();
  const lost = connectStage(lineOver(other.port1), "brain", geometry);
  const never = lost.step(packet);
  other.port2.close();
  await expect(never).rejects.toThrow("[brain] the thread of the stage is gone: the port was closed");
  await expect(lost.ready).rejects.toThrow("is gone");
  await lost.finish();
});
