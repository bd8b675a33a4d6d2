/** Runs with live sources: two that are merged, one beside a recording, one that goes stale, and the speed of the present. */

import { expect, test } from "vitest";
import { z } from "zod";
import { type LiveOptions, liveShape, sizeFrom } from "../../drivers/live/options.ts";
import { LiveStream } from "../../drivers/live/stream.ts";
import { virtualClock } from "../../src/clock.ts";
import { pixelAddress } from "../../src/events/geometry.ts";
import { anyOptions, defineSensor, type SensorDefinition } from "../../src/stage.ts";
import { pass } from "../support/live.ts";
import { packetOf } from "../support/packets.ts";
import { catalogWith, runText } from "../support/world.ts";

const size = sizeFrom("16x16");

/** A live sensor of the name `udp` that a test speaks for; each id has its own stream. */
function spokenFor(streams: Map<string, LiveStream>): SensorDefinition {
  return anyOptions(
    defineSensor({
      name: "udp",
      about: "A source for tests.",
      gives: "events",
      live: true,
      options: z.strictObject({ ...liveShape(["drop-oldest"]), periodUs: z.int().optional() }),
      async open({ periodUs, ...options }, { id, clock, signal }) {
        const stream = new LiveStream({
          geometry: size,
          clock,
          signal,
          options: options as LiveOptions,
          ...(periodUs && { periodUs }),
        });
        streams.set(id, stream);
        return {
          geometry: size,
          packets: stream.packets,
          stale: () => stream.stale(),
          counts: () => stream.counts(),
          lost: () => stream.lost(),
        };
      },
    }),
  );
}

function start(text: string, choices: Parameters<typeof runText>[1] = {}) {
  const streams = new Map<string, LiveStream>();
  const clock = virtualClock(5_000_000);
  const ending = new AbortController();
  const ran = runText(text, {
    catalog: catalogWith(spokenFor(streams)),
    clock,
    signal: ending.signal,
    detail: "list",
    ...choices,
  });
  ran.catch(() => {});
  const say = (id: string, timeUs: number, address = pixelAddress(1, 1, 1)) =>
    streams.get(id)!.offer(packetOf(size, [[timeUs, address]]));
  return { ran, clock, ending, say, streams };
}

const merged = (more = "") => `
stages:
  - { id: left, use: udp ${more} }
  - { id: right, use: udp }
  - { id: both, use: refractory, periodUs: 1, from: [left, right] }
`;

test("two live sources are merged by time, and a silent one holds the other up for the wait alone", async () => {
  const { ran, clock, ending, say } = start(merged());
  await pass(clock, 10_000);
  let seen = 0;
  for (let i = 0; i < 50; i++) {
    say("left", i * 2000, pixelAddress(i % 16, 1, 1));
    if (i < 20) say("right", 77_000_000 + i * 2000, pixelAddress(i % 16, 2, 1));
    await pass(clock, 2000);
    seen += 1;
  }
  await pass(clock, 10_000);
  ending.abort();
  const { summary, trace } = await ran;
  expect(summary.errors).toEqual([]);
  expect(summary.exitCode).toBe(0);
  expect(seen).toBe(50);
  const out = Object.fromEntries(summary.stages.map((stage) => [stage.id, stage.out]));
  expect(out).toMatchObject({ left: 50, right: 20, both: 70 });
  const times = trace.flatMap((line) => {
    const { stage, spikes } = JSON.parse(line) as { stage?: string; spikes?: [number, number][] };
    return stage === "both" && spikes ? spikes.map(([timeUs]) => timeUs) : [];
  });
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times).toHaveLength(70);
});

test("an offset lays one source over the other", async () => {
  const { ran, clock, ending, say } = start(merged(", offsetUs: -3000"));
  await pass(clock, 10_000);
  say("left", 0, pixelAddress(3, 3, 0));
  await pass(clock, 2000);
  say("right", 0, pixelAddress(4, 4, 0));
  await pass(clock, 20_000);
  ending.abort();
  const events = (await ran).trace.flatMap((line) => {
    const { stage, spikes } = JSON.parse(line) as { stage?: string; spikes?: [number, number][] };
    return stage === "both" ? (spikes ?? []) : [];
  });
  expect(events.map(([, address]) => address)).toEqual([pixelAddress(3, 3, 0), pixelAddress(4, 4, 0)]);
  expect(events[1]![0] - events[0]![0]).toBe(5000);
});

test("a recording beside a live source is played from now on, at the speed of life", async () => {
  const { ran, clock, ending, say } = start(`
stages:
  - { id: film, use: synthetic, scene: bar, width: 16, height: 16, durationMs: 100, sizePx: 3 }
  - { id: eye, use: udp }
  - { id: both, use: refractory, periodUs: 1, from: [film, eye] }
`);
  await pass(clock, 50_000);
  for (let i = 0; i < 10; i++) {
    say("eye", i * 1000);
    await pass(clock, 1000);
  }
  await pass(clock, 60_000);
  const soonUs = clock.nowUs();
  await pass(clock, 30_000);
  ending.abort();
  const { summary } = await ran;
  expect(summary.exitCode).toBe(0);
  const out = Object.fromEntries(summary.stages.map((stage) => [stage.id, stage.out]));
  expect(out.film).toBeGreaterThan(10);
  expect(out.eye).toBe(10);
  expect(out.both).toBe(out.film! + 10);
  expect(summary.durationUs).toBeGreaterThan(soonUs - 5_000_000 - 10_000);
});

test("what a stale source feeds goes to its failsafe, the rest goes on, and a lost device is exit code 5", async () => {
  const line = (id: string, period = "") => `
  - { id: ${id}, use: udp ${period} }
  - { id: ${id}-grid, use: polarity-grid }
  - id: ${id}-brain
    use: core
    network:
      input: in
      output: out
      populations: { in: {}, out: { shape: [1, 1, 2], neuron: { threshold: 1 } } }
      projections: [{ from: in, to: out, pattern: dense, weights: 0.1 }]
  - { id: ${id}-aim, use: rate, gain: 0.1 }
  - { id: ${id}-pan, use: dry-run, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`;
  const { ran, clock, ending, streams } = start(`stages:${line("a", ", periodUs: 20000")}${line("b")}`);
  await pass(clock, 100_000, 2000);
  streams.get("a")!.heard();
  await pass(clock, 300_000, 2000);
  streams.get("b")!.connection("lost", "the cable is out");
  await pass(clock, 20_000, 2000);
  streams.get("b")!.connection("back");
  await pass(clock, 20_000, 2000);
  ending.abort();
  const { summary, trace, notices } = await ran;
  const trips = trace
    .map((said) => JSON.parse(said) as { cause?: string; stage?: string })
    .filter(({ cause }) => cause === "stall");
  expect(trips.map(({ stage }) => stage)).toEqual(["a-pan", "b-pan"]);
  expect(notices.join("\n")).toMatch(
    /a: stale, nothing was heard for 2\d\d ms\nb: stale, the cable is out\nb: it is heard/,
  );
  expect(summary.exitCode).toBe(5);
  expect(summary.errors[0]?.message).toMatch(/b.*the cable is out/);
});

test("the present runs at its own speed: any other is refused before anything opens", async () => {
  const { ran } = start(merged(), { speed: 2 });
  await expect(ran).rejects.toThrow(/a live source can't run at speed 2/);
});
