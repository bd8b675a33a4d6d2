import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteFeed } from "../../src/formats/byte-feed.ts";

test("bytes that were put back come again in any portions, also those of an earlier piece", () => {
  const feed = new ByteFeed();
  feed.push(Uint8Array.of(1, 2));
  expect(feed.take(4)).toBe(false);
  feed.push(Uint8Array.of(3, 4, 5, 6));
  expect(feed.take(4)).toBe(true);
  feed.untake(4);
  expect([feed.offset, feed.available]).toEqual([0, 6]);
  const taken: number[] = [];
  for (const count of [1, 2, 3]) {
    expect(feed.take(count)).toBe(true);
    taken.push(...feed.bytes.subarray(feed.start, feed.start + count));
  }
  expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
  expect([feed.offset, feed.available]).toEqual([6, 0]);
});

/** What is done to a feed: a piece comes, or bytes are taken, of which some are put back, or passed over. */
const steps = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 200 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 150 }), back: fc.nat(150) }),
    fc.record({ skip: fc.integer({ min: 1, max: 150 }) }),
  ),
  { maxLength: 60 },
);

test("whatever is taken, put back and passed over, the bytes come in their order", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const feed = new ByteFeed();
      let pushed = 0;
      let at = 0;
      const hold = () => {
        // A piece is only lent: a step that asks for too much makes the feed keep it.
        if (feed.available > 0) expect(feed.take(feed.available + 1)).toBe(false);
      };
      for (const step of list) {
        if ("push" in step) {
          hold();
          feed.push(Uint8Array.from({ length: step.push }, (_, i) => (pushed + i) & 255));
          pushed += step.push;
        } else if ("take" in step) {
          const isHere = feed.take(step.take);
          expect(isHere).toBe(pushed - at >= step.take);
          if (!isHere) continue;
          const bytes = [...feed.bytes.subarray(feed.start, feed.start + step.take)];
          expect(bytes).toEqual(bytes.map((_, i) => (at + i) & 255));
          const back = Math.min(step.back, step.take);
          feed.untake(back);
          at += step.take - back;
        } else at += feed.skip(step.skip);
        expect([feed.offset, feed.available]).toEqual([at, pushed - at]);
      }
    }),
  );
});
