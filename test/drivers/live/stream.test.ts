/** Live packets: the law of spans, ticks in silence, both clocks, each policy of the queue, stale sources. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LiveOptions } from "../../../drivers/live/options.ts";
import { LiveStream } from "../../../drivers/live/stream.ts";
import { virtualClock } from "../../../src/clock.ts";
import { pixels } from "../../../src/events/geometry.ts";
import { collect, eventsOfAll, liveContext, pass, turn } from "../../support/live.ts";
import { packetOf } from "../../support/packets.ts";

const geometry = pixels(128, 128);
const defaults: LiveOptions = {
  times: "device",
  offsetUs: 0,
  waitMs: 5,
  aheadUs: 0,
  queueEvents: 32_768,
  whenFull: "drop-oldest",
};

function bench(options: Partial<LiveOptions> = {}, periodUs?: number, dozeUs = 0) {
  const context = liveContext();
  const stream = new LiveStream({
    ...context,
    geometry,
    options: { ...defaults, ...options },
    ...(periodUs && { periodUs }),
    dozeUs: () => dozeUs,
  });
  const heard = collect(stream.packets);
  const offer = (times: readonly number[], address = 0) =>
    stream.offer(
      packetOf(
        geometry,
        times.map((timeUs, i) => [timeUs, address + i] as const),
      ),
    );
  return { ...context, stream, heard, offer };
}

describe("time", () => {
  test("silence comes as ticks every 2 ms that stay behind the clock by the wait", async () => {
    const { clock, heard } = bench();
    await pass(clock, 50_000);
    expect(eventsOfAll(heard.packets)).toEqual([]);
    expect(heard.packets.length).toBeGreaterThan(20);
    expect(heard.packets.length).toBeLessThan(30);
    expect(clock.nowUs() - heard.packets.at(-1)!.toUs).toBeLessThanOrEqual(7500);
    expect(clock.nowUs() - heard.packets.at(-1)!.toUs).toBeGreaterThanOrEqual(5000);
  });

  test("a run that dozes hears of silence five times a second, and of an event at once", async () => {
    const { clock, heard, offer } = bench({}, undefined, 200_000);
    await pass(clock, 1_900_000);
    expect(heard.packets.length).toBeLessThanOrEqual(11);
    offer([500]);
    await pass(clock, 1000);
    expect(heard.packets.at(-1)!.count).toBe(1);
    for (const [k, { fromUs }] of heard.packets.entries())
      if (k > 0) expect(fromUs).toBe(heard.packets[k - 1]!.toUs);
  });

  test("device times are laid over the clock, and their distances kept", async () => {
    const { clock, heard, offer } = bench();
    offer([500, 600, 900], 7);
    await pass(clock, 10_000);
    offer([10_500, 10_900], 20);
    await pass(clock, 10_000);
    expect(eventsOfAll(heard.packets)).toEqual([
      [999_600, 7],
      [999_700, 8],
      [1_000_000, 9],
      [1_009_600, 20],
      [1_010_000, 21],
    ]);
  });

  test("arrival times and an offset, where they are asked for", async () => {
    const { clock, heard, offer } = bench({ times: "arrival", offsetUs: -300 });
    offer([5, 9]);
    await pass(clock, 10_000);
    expect(eventsOfAll(heard.packets)).toEqual([
      [999_700, 0],
      [999_700, 1],
    ]);
  });

  test("ahead of the clock, what comes closes its step of the grid at once, and the next step waits for its turn", async () => {
    const { clock, heard, offer } = bench({ aheadUs: 10_000 });
    const filled = () => heard.packets.flatMap(({ count, toUs }) => (count > 0 ? [toUs] : []));
    await pass(clock, 3000);
    offer([500]);
    await pass(clock, 1000);
    expect(filled()).toEqual([1_010_000]);
    offer([1500]);
    await pass(clock, 1000);
    expect(filled()).toEqual([1_010_000, 1_020_000]);
    offer([2500]);
    await pass(clock, 4000);
    expect(filled()).toEqual([1_010_000, 1_020_000]);
    await pass(clock, 2000);
    expect(filled()).toEqual([1_010_000, 1_020_000, 1_030_000]);
    // Times that were told already are the later ones' no more.
    expect(eventsOfAll(heard.packets).map(([timeUs]) => timeUs)).toEqual([1_003_000, 1_010_000, 1_020_000]);
  });

  test("what comes leaves at once; in a dense stream the last time waits for more, 1 ms at most", async () => {
    const { clock, heard, offer } = bench();
    const counts = () => heard.packets.flatMap(({ count }) => (count > 0 ? [count] : []));
    await pass(clock, 4000);
    offer([1, 2, 2]);
    await turn();
    expect(counts()).toEqual([3]);
    await pass(clock, 400, 100);
    offer([401, 402, 402]);
    await turn();
    expect(counts()).toEqual([3, 1]);
    await pass(clock, 10, 10);
    offer([402, 403]);
    await turn();
    expect(counts()).toEqual([3, 1, 3]);
    await pass(clock, 900, 100);
    expect(counts()).toEqual([3, 1, 3]);
    await pass(clock, 200, 100);
    expect(counts()).toEqual([3, 1, 3, 1]);
    offer(Array.from({ length: 3000 }, (_, i) => 1501 + Math.floor(i / 3)));
    await turn();
    expect(counts().slice(4)).toEqual([1026, 1026, 948]);
    expect(eventsOfAll(heard.packets)).toHaveLength(3008);
  });

  test("a device clock that drifts is followed and reported; late bytes are moved, and counted", async () => {
    const { clock, heard, stream, offer } = bench();
    const startUs = clock.nowUs();
    for (let i = 1; i <= 400; i++) {
      await pass(clock, 10_000, 5000);
      // The device is slow by 200 us a second; every seventh piece comes 9 ms late.
      const deviceUs = Math.round((clock.nowUs() - startUs) * 0.9998) - (i % 7 === 0 ? 9000 : 0);
      offer([deviceUs]);
    }
    await pass(clock, 10_000);
    const all = eventsOfAll(heard.packets);
    expect(all).toHaveLength(400);
    const drift = stream.counts()["drift of the device's clock, us"]!;
    expect(drift).toBeGreaterThanOrEqual(400);
    expect(drift).toBeLessThan(900);
    expect(stream.counts()["moved to another time"]).toBeGreaterThan(40);
    expect(stream.lost()).toEqual({});
  });

  test("a wild time in a piece is moved, and spoils no other", async () => {
    const { clock, heard, stream, offer } = bench();
    offer([1000, 1100]);
    await pass(clock, 5000);
    offer([6000, 2 ** 50, 6100]);
    await pass(clock, 5000);
    offer([11_000, 11_100]);
    await pass(clock, 5000);
    const times = eventsOfAll(heard.packets).map(([timeUs]) => timeUs);
    expect(times.slice(0, 3)).toEqual([999_900, 1_000_000, 1_004_900]);
    expect(times.slice(3, 5)).toEqual([1_005_000, 1_005_000]);
    expect(times.slice(5)).toEqual([1_009_900, 1_010_000]);
    expect(stream.counts()["moved to another time"]).toBe(1);
  });

  test("pieces that reach back are waited for, and quick ones let time go on sooner", async () => {
    const { clock, heard, stream, offer } = bench({ waitMs: 20 });
    const startUs = clock.nowUs();
    const piece = (reachUs: number) =>
      offer(Array.from({ length: 10 }, (_, i) => clock.nowUs() - startUs - reachUs + (i * reachUs) / 9));
    for (let i = 0; i < 300; i++) {
      await pass(clock, 20_000, 4000);
      piece(9000);
    }
    await pass(clock, 12_000, 500);
    expect(stream.counts()["moved to another time"]).toBeUndefined();
    expect(clock.nowUs() - heard.packets.at(-1)!.toUs).toBeLessThan(13_000);
    for (let i = 0; i < 300; i++) {
      await pass(clock, 20_000, 4000);
      piece(0);
    }
    await pass(clock, 12_000, 500);
    expect(stream.counts()["moved to another time"]).toBeUndefined();
    expect(clock.nowUs() - heard.packets.at(-1)!.toUs).toBeLessThan(3500);
    expect(eventsOfAll(heard.packets)).toHaveLength(6000);
  });

  test("a device that starts anew is taken up where it is", async () => {
    const { clock, heard, stream, offer } = bench();
    offer([5_000_000]);
    await pass(clock, 20_000);
    offer([100]);
    await pass(clock, 20_000);
    offer([20_100]);
    await pass(clock, 20_000);
    expect(eventsOfAll(heard.packets).map(([timeUs]) => timeUs)).toEqual([1_000_000, 1_020_000, 1_040_000]);
    expect(stream.counts()["clock taken up anew"]).toBe(1);
  });

  test("whatever comes, spans follow each other and no event is lost below the bound", async () => {
    const step = fc.record({
      waitUs: fc.nat(8000),
      gapsUs: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -50, max: 300 })), { maxLength: 2500 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { clock, heard, offer, stream, ending } = bench();
        let deviceUs = 0;
        let offered = 0;
        for (const { waitUs, gapsUs } of steps) {
          offer(
            gapsUs.map((gapUs) => (deviceUs = Math.max(0, deviceUs + gapUs))),
            offered,
          );
          offered += gapsUs.length;
          await pass(clock, waitUs, 1000);
        }
        stream.end();
        await pass(clock, 3000, 1000);
        await heard.ended;
        expect(eventsOfAll(heard.packets).map(([, address]) => address)).toEqual(
          Array.from({ length: offered }, (_, i) => i),
        );
        ending.abort();
      }),
      { numRuns: 25 },
    );
  });
});

describe("a full queue", () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => i);

  /** A stream that nobody pulls. */
  function unpulled(options: Partial<LiveOptions>) {
    const context = liveContext();
    const stream = new LiveStream({ ...context, geometry, options: { ...defaults, ...options } });
    const offer = (times: readonly number[], address: number) =>
      stream.offer(
        packetOf(
          geometry,
          times.map((timeUs, i) => [timeUs, address + i] as const),
        ),
      );
    return { ...context, stream, offer };
  }

  async function firstAndCount({ stream, clock }: ReturnType<typeof unpulled>) {
    stream.end();
    const heard = collect(stream.packets);
    await pass(clock, 5000);
    await heard.ended;
    const all = eventsOfAll(heard.packets);
    return { first: all[0]![1], count: all.length };
  }

  test("drop-oldest keeps the newest, and counts", async () => {
    const full = unpulled({ whenFull: "drop-oldest" });
    full.offer(many(30_000), 0);
    full.offer(
      many(10_000).map((i) => 30_000 + i),
      30_000,
    );
    expect(full.stream.lost()).toEqual({ "events too many for the queue (drop-oldest)": 7232 });
    expect(await firstAndCount(full)).toEqual({ first: 7232, count: 32_768 });
  });

  test("keep-latest starts anew with what comes, and counts", async () => {
    const full = unpulled({ whenFull: "keep-latest" });
    full.offer(many(30_000), 0);
    full.offer(
      many(10_000).map((i) => 30_000 + i),
      30_000,
    );
    expect(full.stream.lost()).toEqual({ "events too many for the queue (keep-latest)": 30_000 });
    expect(await firstAndCount(full)).toEqual({ first: 30_000, count: 10_000 });
  });

  test("block gives no room until the run has pulled, and nothing is lost", async () => {
    const full = unpulled({ whenFull: "block" });
    await full.stream.room();
    full.offer(many(16_384), 0);
    await full.stream.room();
    full.offer(
      many(16_384).map((i) => 16_384 + i),
      16_384,
    );
    let room = false;
    const given = full.stream.room().then(() => {
      room = true;
    });
    await turn();
    expect(room).toBe(false);
    const heard = collect(full.stream.packets);
    await pass(full.clock, 5000);
    await given;
    full.ending.abort();
    await heard.ended;
    expect(eventsOfAll(heard.packets)).toHaveLength(32_768);
    expect(full.stream.lost()).toEqual({});
  });
});

describe("a source that falls silent", () => {
  test("is stale after three periods, 200 ms at least, and time goes on", async () => {
    const { clock, stream, heard } = bench({}, 20_000);
    await pass(clock, 190_000, 2000);
    expect(stream.stale()).toBeUndefined();
    await pass(clock, 20_000, 2000);
    expect(stream.stale()).toMatchObject({
      lost: false,
      why: expect.stringMatching(/nothing was heard for 2\d\d ms/),
    });
    stream.heard();
    expect(stream.stale()).toBeUndefined();
    expect(clock.nowUs() - heard.packets.at(-1)!.toUs).toBeLessThan(8000);
  });

  test("is told of when it is stale, however long the run dozes, and then no more often than that", async () => {
    const { clock, stream, heard } = bench({}, 100_000, 200_000);
    for (let k = 0; k < 5; k++) {
      stream.heard();
      await pass(clock, 90_000, 2000);
    }
    const lastUs = clock.nowUs() - 90_000;
    await pass(clock, 210_000, 2000);
    const told = heard.packets.length;
    await pass(clock, 4000, 2000);
    expect(stream.stale()).toMatchObject({ lost: false });
    expect(heard.packets).toHaveLength(told + 1);
    expect(clock.nowUs() - lastUs).toBe(304_000);
    await pass(clock, 1_000_000, 2000);
    expect(heard.packets).toHaveLength(told + 6);
  });

  test("may be silent where nothing else was promised, but not when its device is gone", async () => {
    const { clock, stream } = bench();
    await pass(clock, 1_000_000, 10_000);
    expect(stream.stale()).toBeUndefined();
    stream.connection("lost", "the cable is out");
    expect(stream.stale()).toEqual({ lost: true, why: "the cable is out" });
    stream.connection("back");
    expect(stream.stale()).toBeUndefined();
    expect(stream.counts()["connections lost"]).toBe(1);
  });

  test("ends its packets when the run ends, and a failure comes after the last event", async () => {
    const ended = bench();
    ended.ending.abort();
    await ended.heard.ended;
    const failed = bench();
    failed.offer([1, 2]);
    failed.stream.end(new Error("the pipe broke"));
    await expect(failed.heard.ended).rejects.toThrow("the pipe broke");
    expect(eventsOfAll(failed.heard.packets)).toHaveLength(2);
    expect(virtualClock().nowUs()).toBe(0);
  });
});
