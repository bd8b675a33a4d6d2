/** Whole runs: the same bytes whatever the speed and the cuts, branches and merges, and every way that a run can end badly. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import dryRun from "../../drivers/dry-run.ts";
import recording from "../../drivers/recording.ts";
import serialLine, { openSerialLine } from "../../drivers/serial-line.ts";
import { virtualClock } from "../../src/clock.ts";
import { ReflexarcError } from "../../src/errors.ts";
import { indexAtOrAfter, Packet } from "../../src/events/packet.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions, type Sensor, type SensorDefinition } from "../../src/stage.ts";
import { fakePort } from "../support/fake-port.ts";
import { bundled, catalog, catalogWith, punctualClock, root, runBundled, runText } from "../support/world.ts";

/** The recording driver with its packets cut again at random times. */
function cutAtRandom(seed: number): SensorDefinition {
  const driver = anyOptions(recording);
  return {
    ...driver,
    async open(options, context): Promise<Sensor> {
      const sensor = (await driver.open(options, context)) as Sensor;
      return { ...sensor, geometry: sensor.geometry, packets: cutPackets(sensor.packets, seed) };
    },
  };
}

async function* cutPackets(packets: AsyncIterable<Packet>, seed: number): AsyncGenerator<Packet> {
  const random = seededRandom(seed);
  for await (const packet of packets) {
    const out = new Packet(packet.geometry);
    const cuts = Array.from(
      { length: Math.floor(random() * 5) },
      () => packet.fromUs + Math.floor(random() * (packet.toUs - packet.fromUs)),
    );
    const edges = [...new Set([packet.fromUs, ...cuts, packet.toUs])].sort((a, b) => a - b);
    for (let i = 1; i < edges.length; i++) {
      out.begin(edges[i - 1]!, edges[i]!);
      for (
        let e = indexAtOrAfter(packet, edges[i - 1]!);
        e < packet.count && packet.times[e]! < edges[i]!;
        e++
      )
        out.push(packet.times[e]!, packet.addresses[e]!);
      yield out;
    }
  }
}

/** Settings that cut what the sensors of a bundled pipeline give elsewhere, where they have such options. */
function cutsOf(name: string): string[] {
  const file = join(root, "pipelines", `${name}.yaml`);
  const { nodes } = readDocument(readFileSync(file, "utf8"), file, catalog, { overrides: [] });
  const given = { packetUs: [1000, 10_000], packetEvents: [7] };
  return nodes.flatMap(({ id, kind, definition }) =>
    kind === "sensor"
      ? Object.entries(given).flatMap(([option, values]) =>
          option in definition.options.shape ? values.map((value) => `${id}.${option}=${value}`) : [],
        )
      : [],
  );
}

describe.each(bundled())("%s", (name) => {
  test("gives the same trace at any speed and for any cut of its packets", async () => {
    const { trace, summary } = await runBundled(name);
    expect(summary.errors).toEqual([]);
    expect(summary.exitCode).toBe(0);
    expect(summary.commands).toBeGreaterThan(20);
    expect(trace.length).toBeGreaterThan(100);
    const again = await runBundled(name);
    expect(again.trace).toEqual(trace);
    const paced = await runBundled(name, { speed: 1, clock: punctualClock() });
    expect(paced.trace).toEqual(trace);
    const cuts = cutsOf(name);
    expect(cuts.length).toBeGreaterThan(0);
    for (const cut of cuts) expect((await runBundled(name, { overrides: [cut] })).trace).toEqual(trace);
    for (const seed of [1, 2]) {
      const random = await runBundled(name, { catalog: catalogWith(cutAtRandom(seed)) });
      expect(random.trace).toEqual(trace);
    }
  });
});

const toPort = readFileSync(join(root, "pipelines", "follow.yaml"), "utf8")
  .replace(/id: pan, use: dry-run,/, "id: pan, use: serial-line, port: fake, channel: 0,")
  .replace(/id: tilt, use: dry-run,/, "id: tilt, use: serial-line, port: fake, channel: 1,");

/** `follow` with its servos on a fake port, live. */
async function runLive(choices: Parameters<typeof runText>[1] = {}) {
  const port = fakePort();
  const onFake = {
    ...anyOptions(serialLine),
    open: (options: never, context: never) => openSerialLine(options, context, port.open),
  };
  const ran = await runText(toPort, {
    catalog: catalogWith(onFake),
    live: true,
    arm: true,
    speed: 1,
    clock: punctualClock(),
    ...choices,
  });
  return { ...ran, port };
}

describe("a real port", () => {
  test("gets the same bytes twice, those of the trace, and those of a dry run", async () => {
    const first = await runLive();
    expect(first.summary.errors).toEqual([]);
    expect(first.port.lines.length).toBeGreaterThan(300);
    expect((await runLive()).port.lines).toEqual(first.port.lines);
    const wires = first.trace.flatMap((line) => (JSON.parse(line) as { wire?: string }).wire ?? []);
    const heard = (lines: readonly string[]) => [...lines].sort();
    expect(heard(wires.map((hex) => Buffer.from(hex, "hex").toString()))).toEqual(heard(first.port.lines));
    const dry = await runText(toPort);
    const wireOf = (lines: readonly string[]) =>
      lines.flatMap((line) => /"wire":"(\w+)"/.exec(line)?.[1] ?? []);
    expect(wireOf(dry.trace)).toEqual(wireOf(first.trace));
  });

  test("is never opened in a dry run", async () => {
    const { port, summary } = await runLive({ live: false, arm: false });
    expect(port.tries).toBe(0);
    expect(summary.exitCode).toBe(0);
  });

  test("stays still, though open, while it isn't armed", async () => {
    const { port, summary } = await runLive({ arm: false });
    expect(port.opened).toBe(1);
    expect(port.lines).toEqual([]);
    expect(summary.stages.find(({ id }) => id === "pan")?.counts["not armed, dropped"]).toBeGreaterThan(100);
  });

  test("that is missing ends the run before anything moves", async () => {
    const port = fakePort();
    port.failure = "Error: No such file or directory, cannot open fake";
    const onFake = {
      ...anyOptions(serialLine),
      open: (options: never, context: never) => openSerialLine(options, context, port.open),
    };
    const trace: string[] = [];
    const run = runText(toPort, {
      catalog: catalogWith(onFake),
      live: true,
      arm: true,
      trace: { write: (line) => trace.push(line), header: () => Promise.resolve({}) },
    });
    await expect(run).rejects.toThrow(/fake/);
    await expect(run).rejects.toMatchObject({ exitCode: 5 });
    expect(port.lines).toEqual([]);
    expect(trace).toEqual([]);
  });

  test("moves as a rehearsal of the live run does, so that its trace can be verified", async () => {
    for (const arm of [true, false]) {
      const live = await runLive({ arm });
      const rehearsed = await runText(toPort, { arm, rehearsal: true });
      expect(rehearsed.trace).toEqual(live.trace);
    }
  });

  test("is released when something fails that nobody thought of", async () => {
    let lines = 0;
    const write = () => {
      lines += 1;
      if (lines > 200) throw new Error("no room");
    };
    const port = fakePort();
    const onFake = {
      ...anyOptions(serialLine),
      open: (options: never, context: never) => openSerialLine(options, context, port.open),
    };
    const run = runText(toPort, {
      catalog: catalogWith(onFake),
      live: true,
      arm: true,
      speed: 1,
      trace: { write, header: () => Promise.resolve({}) },
    });
    await expect(run).rejects.toThrow("no room");
    expect(port.lines.length).toBeGreaterThan(5);
    expect(port.lines.slice(-2).sort()).toEqual(["#0P0\r", "#1P0\r"]);
    expect(port.closed).toBe(1);
  });

  test("is released when the run is aborted", async () => {
    const ending = new AbortController();
    const { port, summary } = await runLive({
      signal: ending.signal,
      onProgress: ({ eventsIn }) => eventsIn > 5000 && ending.abort(),
    });
    expect(summary.exitCode).toBe(0);
    expect(summary.eventsIn).toBeLessThan(20_000);
    expect(port.lines.slice(-2).sort()).toEqual(["#0P0\r", "#1P0\r"]);
    expect(port.closed).toBe(1);
  });
});

test("a run that stands still on the wall clock trips every guard, and the trace says that it was the wall clock", async () => {
  const clock = virtualClock();
  let waits = 0;
  const stalling = {
    ...clock,
    until(timeUs: number) {
      waits += 1;
      clock.advance(waits === 100 ? timeUs + 300_000 : timeUs);
      return Promise.resolve();
    },
  };
  const { trace, notices } = await runBundled("follow", { speed: 1, clock: stalling });
  const trips = trace
    .map((line) => JSON.parse(line) as { cause?: string; wall?: boolean; stage?: string })
    .filter(({ cause }) => cause === "stall");
  expect(trips).toMatchObject([
    { stage: "pan", wall: true },
    { stage: "tilt", wall: true },
  ]);
  expect(notices.join()).toMatch(/nothing was processed for 200 ms/);
});

const twoEyes = `
stages:
  - { id: left, use: synthetic, scene: moving-dot, durationMs: 300, seed: 1 }
  - { id: right, use: synthetic, scene: bar, durationMs: 500, seed: 2 }
  - { id: both, use: refractory, periodUs: 10, from: [left, right] }
  - { id: few, use: downsample, factor: 2, from: left }
  - { id: grid-a, use: polarity-grid, from: both }
  - { id: grid-b, use: polarity-grid, from: few }
  - id: brain
    use: core
    from: [grid-a, grid-b]
    network:
      input: in
      output: map
      populations: { in: {}, map: { shape: [1, 1, 4], neuron: { threshold: 1 } } }
      projections: [{ from: in, to: map, pattern: dense, weights: 0.1 }]
  - { id: aim, use: rate, gain: 0.1, from: brain }
  - { id: aim-too, use: rate, gain: 0.2, from: brain }
  - { id: pan, use: dry-run, from: [aim, aim-too], limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
  - { id: tilt, use: dry-run, from: aim, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`;

test("branches, merges of sensors, of populations and of commands run, whatever the cut", async () => {
  const { trace, summary } = await runText(twoEyes);
  expect(summary.errors).toEqual([]);
  const out = Object.fromEntries(summary.stages.map(({ id, out }) => [id, out]));
  expect(out.both).toBeGreaterThan(out.left! * 0.5);
  expect(out["grid-a"]).toBe(out.both);
  expect(out["grid-b"]).toBe(out.left);
  expect(out.brain).toBeGreaterThan(0);
  expect(summary.durationUs).toBeGreaterThan(490_000);
  const cut = await runText(twoEyes, { overrides: ["left.packetUs=700", "right.packetUs=9000"] });
  expect(cut.trace).toEqual(trace);
});

test("a recording that is cut ends in exit code 3, after its good prefix was used", async () => {
  const file = join(root, "recordings", "moving-dot.aedat4");
  const whole = readFileSync(file);
  const cut = whole.subarray(0, Math.floor(whole.length / 2));
  const { recordingFrom } = await import("../../drivers/recording.ts");
  const fromMemory = recordingFrom(async function* () {
    yield cut;
  });
  const { summary, trace } = await runBundled("follow", { catalog: catalogWith(anyOptions(fromMemory)) });
  expect(summary.exitCode).toBe(3);
  expect(summary.eventsIn).toBeGreaterThan(5000);
  expect(summary.errors[0]).toBeInstanceOf(ReflexarcError);
  expect(summary.errors[0]?.message).toMatch(/moving-dot\.aedat4/);
  const full = (await runBundled("follow")).trace;
  const beforeEnd = trace.filter(
    (line) => (JSON.parse(line) as { atUs: number }).atUs < (summary.durationUs * 4) / 5,
  );
  expect(full.slice(1, 1 + beforeEnd.length)).toEqual(beforeEnd);
});

test("a servo on a dry run shows the pulse widths of its own scale", async () => {
  const { trace } = await runBundled("follow");
  const shown = trace
    .map((line) => JSON.parse(line) as { stage?: string; angleDeg?: number; pulseUs?: number })
    .filter(({ angleDeg }) => angleDeg !== undefined);
  expect(shown.length).toBeGreaterThan(400);
  for (const { angleDeg } of shown) expect(angleDeg! >= 20 && angleDeg! <= 160).toBe(true);
  expect(anyOptions(dryRun).selfArming).toBe(true);
});
