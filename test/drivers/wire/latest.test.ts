import { expect, it } from "vitest";
import { latestValue } from "../../../drivers/wire/latest.ts";

const frame = (byte: number) => Uint8Array.of(byte);
const move = (value: number) => ({ action: "move", value }) as const;
const release = { action: "release" } as const;

/** A line that takes a frame when it is told to. */
function lineOf() {
  const clock = { us: 0, nowUs: () => clock.us };
  const sent: number[] = [];
  const missed: [string, number | undefined][] = [];
  let next = () => {};
  const latest = latestValue(
    (bytes, done) => {
      sent.push(bytes[0]!);
      next = done;
    },
    clock,
    (sender, at) => missed.push([sender, at]),
  );
  return { clock, sent, missed, latest, takeNext: () => next() };
}

it("keeps the newest of each sender, in the place of the one before", () => {
  const { sent, missed, latest, takeNext } = lineOf();
  latest.offer("pan", frame(1), move(10));
  latest.offer("pan", frame(2), move(20));
  latest.offer("tilt", frame(3), move(30));
  latest.offer("pan", frame(4), move(40));
  expect(sent).toEqual([1]);
  takeNext();
  takeNext();
  takeNext();
  expect(sent).toEqual([1, 4, 3]);
  expect(latest.counts()).toEqual({ "replaced by a newer one": 1 });
  expect(missed).toEqual([]);
});

it("drops a move that waited for more than 50 ms, and tells where its sender was left", () => {
  const { clock, sent, missed, latest, takeNext } = lineOf();
  latest.offer("pan", frame(1), move(10));
  latest.offer("pan", frame(2), move(20));
  latest.offer("tilt", frame(3), move(30));
  latest.offer("jaw", frame(4), release);
  clock.us = 50_001;
  takeNext();
  expect(sent).toEqual([1, 4]);
  expect(missed).toEqual([
    ["pan", 10],
    ["tilt", undefined],
  ]);
  expect(latest.counts()).toEqual({ "too late, dropped": 2 });
});

it("drops a move that goes on from one which waited too long, but never a release", () => {
  const { clock, sent, missed, latest, takeNext } = lineOf();
  latest.offer("pan", frame(1), move(10));
  latest.offer("pan", frame(2), move(20));
  clock.us = 60_000;
  latest.offer("pan", frame(3), move(20));
  expect(missed).toEqual([["pan", 10]]);
  expect(latest.counts()).toEqual({ "too late, dropped": 2 });
  latest.offer("pan", frame(4), move(11));
  clock.us = 120_000;
  latest.offer("pan", frame(5), release);
  takeNext();
  expect(sent).toEqual([1, 5]);
});
