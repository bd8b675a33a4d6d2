/** While gates sleep, packets are longer: what comes of a run is the same, and no event waits for the end of one. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import dryRun from "../../drivers/dry-run.ts";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import { dozeUs, isGated } from "../../src/pipeline/doze.ts";
import { anyOptions, defineActuator, defineSensor, defineStage } from "../../src/stage.ts";
import { catalog, catalogWith, punctualClock, type Ran, runBundled, runText } from "../support/world.ts";

/** Batches that a stage was handed. */
const batchesOf = ({ summary }: Ran, id: string) =>
  summary.stages.find((stage) => stage.id === id)!.latency.batches;

test("voice-servo tells the same at the pace of the clock, and handles fewer packets", async () => {
  const quick = await runBundled("voice-servo", { speed: "max", detail: "list" });
  const paced = await runBundled("voice-servo", { speed: 1, detail: "list" });
  expect(paced.trace).toEqual(quick.trace);
  expect(batchesOf(paced, "cochlea")).toBeLessThan(0.8 * batchesOf(quick, "cochlea"));
});

test("a word is told no later than without: what wakes the run may wait, but it is awake long before the word ends", async () => {
  const clock = punctualClock();
  const waitedUs: number[] = [];
  const write = (line: string) => {
    const { stage, spikes = [] } = JSON.parse(line) as { stage?: string; spikes?: [number, number][] };
    if (stage === "word") for (const [atUs] of spikes) waitedUs.push(clock.nowUs() - atUs);
  };
  const header = () => Promise.resolve({});
  const ran = await runBundled("voice-servo", { speed: 1, clock, trace: { write, header, detail: "list" } });
  expect(batchesOf(ran, "cochlea")).toBeLessThan(500);
  expect(waitedUs).toHaveLength(4);
  // A packet while awake is 10 ms long.
  expect(Math.max(...waitedUs)).toBeLessThanOrEqual(10_000);
});

const size = pixels(2, 2);
const tickUs = 5000;
const endUs = 4_000_000;

/** A camera that sees nothing but two bursts of 40 events, 1 ms apart: packets of 5 ms. */
const bursts = defineSensor({
  name: "bursts",
  about: "Test.",
  gives: "events",
  live: false,
  options: z.strictObject({}),
  async open() {
    async function* packets() {
      const out = new Packet(size);
      for (let fromUs = 0; fromUs < endUs; fromUs += tickUs) {
        out.begin(fromUs, fromUs + tickUs);
        for (const startUs of [1_003_000, 2_500_000])
          for (let k = 0; k < 40; k++) {
            const timeUs = startUs + 1000 * k;
            if (timeUs >= fromUs && timeUs < out.toUs) out.push(timeUs, 0);
          }
        yield out;
      }
    }
    return { geometry: size, packets: packets() };
  },
});

/** Packets that came by, as from, to and how many events. */
function watcher(seen: [fromUs: number, toUs: number, count: number][]) {
  const watch = defineStage({
    name: "watch",
    about: "Test.",
    takes: "events",
    gives: "events",
    options: z.strictObject({}),
    create: () => (packet) => {
      seen.push([packet.fromUs, packet.toUs, packet.count]);
      return packet;
    },
  });
  return anyOptions(watch);
}

const gatedCamera = `
about: Test.
stages:
  - { id: eye, use: bursts }
  - { id: seen, use: watch }
  - { id: grid, use: polarity-grid, columns: 2, rows: 2, polarity: merge }
  - { id: stir, use: activity, overHz: 100, tauUs: 50000 }
  - { id: gate, use: gate, from: [grid, stir], preRollUs: 100000, holdUs: 200000 }
  - id: brain
    use: core
    network:
      input: grid
      output: all
      populations: { grid: {}, all: { shape: [1, 1, 1], neuron: { threshold: 3 } } }
      projections: [{ from: grid, to: all, pattern: dense, weights: 1 }]
  - { id: turn, use: most-spikes, command: pan, values: [120], everyUs: 20000, rest: 90 }
  - { id: pan, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`;

describe("events", () => {
  const seen: [number, number, number][] = [];
  const run = (speed: number | "max") => {
    seen.length = 0;
    return runText(gatedCamera, {
      speed,
      catalog: catalogWith(anyOptions(bursts), watcher(seen)),
      detail: "list",
    });
  };

  test("are handed on in the packets in which they came; the silence before them ends there", async () => {
    await run("max");
    const short = [...seen];
    await run(1);
    expect(seen.filter(([, , count]) => count > 0)).toEqual(short.filter(([, , count]) => count > 0));
    expect(seen[0]![0]).toBe(0);
    for (const [k, [fromUs]] of seen.entries()) if (k > 0) expect(fromUs).toBe(seen[k - 1]![1]);
    expect(seen.at(-1)![1]).toBe(endUs);
  });

  test("are awaited in long packets while all sleeps, and in those of the camera while awake", async () => {
    await run(1);
    const longest = Math.max(...seen.map(([fromUs, toUs]) => toUs - fromUs));
    expect(longest).toBe(dozeUs);
    const awake = seen.filter(([fromUs]) => fromUs > 1_010_000 && fromUs < 1_240_000);
    expect(awake.length).toBeGreaterThan(40);
    for (const [fromUs, toUs] of awake) expect(toUs - fromUs).toBe(tickUs);
  });

  const runLive = (text: string, arm: boolean) => {
    seen.length = 0;
    const device = defineActuator({
      ...dryRun,
      selfArming: false,
      open: async () => ({ write() {}, async stop() {} }),
    });
    const definitions = catalogWith(anyOptions(bursts), watcher(seen), anyOptions(device));
    return runText(text, { speed: 1, live: true, arm, catalog: definitions });
  };

  test("are awaited in packets no longer than the keep-alive of a device that is armed", async () => {
    const longest = async (arm: boolean) => {
      await runLive(gatedCamera.replace("slewDegPerS: 300 }", "slewDegPerS: 300 }, keepAliveMs: 60"), arm);
      // The first was asked for before anything could be armed.
      return Math.max(...seen.slice(1).map(([fromUs, toUs]) => toUs - fromUs));
    };
    expect(await longest(true)).toBe(60_000);
    expect(await longest(false)).toBe(dozeUs);
  });

  test("are awaited in the camera's packets while a motion goes on, for each of its steps is due", async () => {
    await runLive(gatedCamera.replace("slewDegPerS: 300", "slewDegPerS: 25"), true);
    // 40 events from 1.003 s on ask for 120 degrees, 1.2 s away from 90; the gate sleeps from 1.25 s on.
    const after = seen.filter(([fromUs]) => fromUs > 1_300_000 && fromUs < 2_400_000);
    const moving = after.findIndex(([fromUs, toUs]) => toUs - fromUs > tickUs);
    expect(after.length).toBeGreaterThan(20);
    expect(after[moving]![0]).toBeGreaterThanOrEqual(2_200_000);
    expect(new Set(after.slice(moving, -1).map(([fromUs, toUs]) => toUs - fromUs))).toEqual(
      new Set([100_000]),
    );
  });

  test("make the same trace at any speed", async () => {
    const { trace } = await run("max");
    for (const speed of [0.1, 1, 3]) expect((await run(speed)).trace).toEqual(trace);
    expect(trace.length).toBeGreaterThan(10);
  });
});

test("a recording that is damaged in a silence gives the silence before it, and then its error", async () => {
  const damaged = defineSensor({
    ...bursts,
    async open() {
      async function* packets() {
        for (let fromUs = 0; fromUs < 1_002_500; fromUs += 2500)
          yield new Packet(size).begin(fromUs, Math.min(1_000_000, fromUs + 2500));
        throw new Error("a hole in the tape");
      }
      return { geometry: size, packets: packets() };
    },
  });
  const seen: [number, number, number][] = [];
  const definitions = catalogWith(anyOptions(damaged), watcher(seen));
  await expect(runText(gatedCamera, { speed: 1, catalog: definitions })).rejects.toThrow(
    "a hole in the tape",
  );
  expect(seen.at(-1)![1]).toBe(1_000_000);
});

describe("only what a gate holds back dozes", () => {
  const isGatedOf = (...lines: string[]) =>
    isGated(readDocument(`about: Test.\nstages:\n${lines.join("\n")}\n`, "test", catalog, { overrides: [] }));
  const ears = "  - { id: ears, use: wav, file: x.wav }";
  const cochlea = "  - { id: cochlea, use: cochlea }";
  const loud = "  - { id: loud, use: activity, overHz: 400 }";
  const gate = "  - { id: gate, use: gate, from: [cochlea, loud] }";
  const brain = "  - { id: brain, use: core, network: x.nir }";

  test("a network behind a gate, and all that hears it", () => {
    expect(isGatedOf(ears, cochlea, loud, gate, brain)).toBe(true);
  });
  test("not without a gate", () => {
    expect(isGatedOf(ears, cochlea, brain)).toBe(false);
  });
  test("not where something else leaves", () => {
    const aside =
      "  - { id: choice, use: winner-take-all, from: cochlea, command: x, values: [1], tauUs: 1000 }";
    const pan = "  - { id: pan, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }";
    expect(isGatedOf(ears, cochlea, loud, gate, brain, aside, pan)).toBe(false);
  });
});
