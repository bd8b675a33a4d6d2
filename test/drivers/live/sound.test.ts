/** Live sound: samples once and in order on the run's clock, whatever lumps they come in and however the clocks drift. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { SoundStream } from "../../../drivers/live/sound.ts";
import { channels } from "../../../src/events/geometry.ts";
import { collectSamples, liveContext, pass, samplesOfAll, turn } from "../../support/live.ts";

const rateHz = 16_000;
const ramp = (from: number, count: number) => {
  const bytes = Buffer.alloc(2 * count);
  for (let i = 0; i < count; i++) bytes.writeInt16LE((from + i) % 30_000, 2 * i);
  return bytes;
};
const valuesOf = (all: readonly [number, number][]) => all.map(([, value]) => Math.round(value * 32_768));

function open(queueUs = 1_000_000) {
  const context = liveContext();
  const { clock, signal } = context;
  const geometry = { ...channels(["sound"]), rateHz };
  const stream = new SoundStream({ geometry, encoding: "s16le", clock, signal, queueUs, periodUs: 50_000 });
  return { context, clock, stream, ...collectSamples(stream.packets) };
}

test("samples arrive once and in order, in any lumps of bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      async (lumps) => {
        const { context, clock, stream, batches, ended } = open();
        const bytes = ramp(0, 8000);
        let at = 0;
        for (const lump of lumps) {
          stream.offer(bytes.subarray(at, at + lump));
          at = Math.min(bytes.length, at + lump);
          await pass(clock, Math.round((lump * 1e6) / 2 / rateHz));
        }
        const all = valuesOf(samplesOfAll(batches));
        expect(all).toEqual(Array.from({ length: Math.floor(at / 2) }, (_, i) => i));
        context.ending.abort();
        await ended;
      },
    ),
    { numRuns: 20 },
  );
});

test.each([0.999, 1.001])("a crystal at %f of its rate is followed without a step", async (pace) => {
  const { context, clock, stream, batches, ended } = open();
  for (let lump = 0; lump < 1000; lump++) {
    stream.offer(ramp(160 * lump, 160));
    await pass(clock, 10_000 / pace, 5000);
  }
  const all = samplesOfAll(batches);
  expect(all.length).toBe(160_000);
  // Ten seconds of it are 10 ms apart by now; the last sample is still at the clock.
  expect(Math.abs(all.at(-1)![0] + 10_000 / pace - clock.nowUs())).toBeLessThan(4000);
  const steps = all.slice(1).map(([timeUs], i) => timeUs - all[i]![0]);
  const longest = steps.slice(32_000).reduce((a, b) => Math.max(a, b));
  expect(longest).toBeLessThan((1.3 * 1e6) / rateHz);
  expect(steps.reduce((a, b) => Math.min(a, b))).toBeGreaterThan((0.7 * 1e6) / rateHz);
  expect(stream.counts()["clock taken up anew"]).toBeUndefined();
  context.ending.abort();
  await ended;
});

test("a source that was gone begins anew, and time goes on meanwhile", async () => {
  const { context, clock, stream, batches, ended } = open();
  stream.offer(ramp(0, 160));
  await pass(clock, 10_000);
  stream.connection("lost", "unplugged");
  expect(stream.stale()).toEqual({ why: "unplugged", lost: true });
  await pass(clock, 2_000_000, 2000);
  stream.connection("back");
  for (let lump = 0; lump < 5; lump++) {
    stream.offer(ramp(1000 + 160 * lump, 160));
    await pass(clock, 10_000);
  }
  const all = samplesOfAll(batches);
  expect(valuesOf(all)).toEqual([
    ...Array.from({ length: 160 }, (_, i) => i),
    ...Array.from({ length: 800 }, (_, i) => 1000 + i),
  ]);
  expect(all[160]![0] - all[159]![0]).toBeGreaterThan(1_900_000);
  expect(batches.filter(({ count }) => count === 0).length).toBeGreaterThan(100);
  expect(stream.counts()).toMatchObject({ "connections lost": 1, samples: 960 });
  expect(stream.stale()).toBeUndefined();
  context.ending.abort();
  await ended;
});

test("silence of the source is stale", async () => {
  const { context, clock, stream } = open();
  stream.offer(ramp(0, 160));
  await pass(clock, 100_000);
  expect(stream.stale()).toBeUndefined();
  await pass(clock, 200_000);
  expect(stream.stale()).toMatchObject({ lost: false });
  context.ending.abort();
});

test("what the run can't take in time is dropped from the front, and counted", async () => {
  const context = liveContext();
  const { clock, signal } = context;
  const geometry = { ...channels(["sound"]), rateHz };
  const stream = new SoundStream({
    ...{ geometry, encoding: "s16le", clock, signal },
    queueUs: 100_000,
    periodUs: 50_000,
  });
  for (let lump = 0; lump < 30; lump++) {
    stream.offer(ramp(160 * lump, 160));
    clock.advance(clock.nowUs() + 10_000);
  }
  const { batches, ended } = collectSamples(stream.packets);
  await turn();
  expect(valuesOf(samplesOfAll(batches))).toEqual(Array.from({ length: 1600 }, (_, i) => 3200 + i));
  expect(stream.lost()).toEqual({ "samples too many for the queue (drop-oldest)": 3200 });
  context.ending.abort();
  await ended;
});
