/** An eDVS on a fake port: found and set up by its own answers, in each format, and taken up again after a loss. */

import { describe, expect, test } from "vitest";
import edvs, { openEdvs } from "../../drivers/edvs.ts";
import { pixelAddress } from "../../src/events/geometry.ts";
import { EdvsBoard, type EdvsFirmware } from "../support/edvs-board.ts";
import { fakeBoard } from "../support/fake-board.ts";
import { collect, eventsOfAll, liveContext, pass, turn } from "../support/live.ts";
import type { Event } from "../support/packets.ts";
import { sensorContract } from "../support/sensor-contract.ts";

let ports = 0;

/** A camera behind a fake port. */
function camera(firmware: EdvsFirmware = "new") {
  const port = fakeBoard();
  const board = new EdvsBoard((bytes) => queueMicrotask(() => port.say(bytes)));
  board.firmware = firmware;
  port.answer = (frame) => {
    board.receive(frame);
    return undefined;
  };
  return { port, board };
}

async function open(given: object, { port, board }: ReturnType<typeof camera>, context = liveContext()) {
  ports += 1;
  const options = edvs.options.parse({ port: `edvs-${ports}`, ...given });
  const opening = openEdvs(options, context, port.open);
  opening.catch(() => {});
  for (let i = 0; i < 400; i++) await pass(context.clock, 10_000, 10_000);
  return { sensor: await opening, context, port, board };
}

sensorContract({
  definition: edvs,
  options: { port: "edvs-contract" },
  open: async (options, context) => {
    const { port } = camera();
    const opening = openEdvs(options, context, port.open);
    for (let i = 0; i < 40; i++) await pass(context.clock, 10_000, 10_000);
    return opening;
  },
});

const seen = (fromUs: number, count: number): Event[] =>
  Array.from({ length: count }, (_, i) => [fromUs + i * 50, pixelAddress(i % 128, 7, i & 1)]);

test("sets a camera up: quiet, restart, no echo, its formats, the longest times, then events", async () => {
  const { sensor, board, context } = await open({}, camera());
  expect(board.commands).toEqual(["E-", "R", "!U0", "??E", "!E4", "E+"]);
  const { packets, ended } = collect(sensor.packets);
  await pass(context.clock, 10_000);
  board.see(seen(5000, 100));
  await pass(context.clock, 10_000);
  const events = eventsOfAll(packets);
  expect(events.map(([, address]) => address)).toEqual(seen(0, 100).map(([, address]) => address));
  expect(events[99]![0] - events[0]![0]).toBe(99 * 50);
  expect(sensor.lost!()).toEqual({});
  context.ending.abort();
  await ended;
  for (let i = 0; i < 20; i++) await turn();
  expect(board.commands.at(-1)).toBe("E-");
});

describe.each([
  ["new", "E0", "!E0"],
  ["new", "E1", "!E1"],
  ["new", "E2", "!E2"],
  ["new", "E3", "!E3"],
  ["new", "auto", "!E4"],
  ["old", "auto", "!E3"],
  ["old", "E1", "!E1"],
  ["old", "E2", "!E2"],
] as const)("%s firmware, format %s", (firmware, format, said) => {
  test(`is told ${said}, and read`, async () => {
    const { sensor, board, context } = await open({ format }, camera(firmware));
    expect(board.commands).toContain(said);
    const { packets, ended } = collect(sensor.packets);
    board.see(seen(1000, 50));
    await pass(context.clock, 5000);
    board.say("-S0 12\n");
    board.see(seen(6000, 50));
    await pass(context.clock, 5000);
    expect(eventsOfAll(packets).map(([, address]) => address)).toEqual(
      [...seen(0, 50), ...seen(0, 50)].map(([, address]) => address),
    );
    expect(sensor.lost!()).toEqual({});
    context.ending.abort();
    await ended;
  });
});

test("biases are set, sent, and asked for again", async () => {
  const { board, context } = await open({ biases: "fast" }, camera());
  expect(board.biases).toEqual([
    1992, 1108364, 16777215, 8159221, 132, 309590, 969, 16777215, 209996, 13125, 271, 217,
  ]);
  expect(board.commands.filter((command) => command === "!BF")).toHaveLength(1);
  expect(context.notices).toEqual([]);
  context.ending.abort();
  await turn();
});

test("a cable that is pulled and put back brings the camera back, set up anew", async () => {
  const { sensor, board, port, context } = await open({}, camera());
  const { packets, ended } = collect(sensor.packets);
  board.see(seen(1000, 10));
  await pass(context.clock, 10_000);
  port.unplug();
  expect(sensor.stale!()).toEqual({ lost: true, why: "the cable is out" });
  board.streaming = false;
  const before = board.commands.length;
  for (let i = 0; i < 100; i++) await pass(context.clock, 20_000, 10_000);
  expect(sensor.stale!()).toBeUndefined();
  expect(board.commands.slice(before)).toContain("E+");
  board.see(seen(1000, 10));
  await pass(context.clock, 10_000);
  expect(eventsOfAll(packets)).toHaveLength(20);
  expect(sensor.counts!()["connections lost"]).toBe(1);
  context.ending.abort();
  await ended;
});

test("a board that restarts by itself is noticed by its banner, and set up anew", async () => {
  const { sensor, board, context } = await open({}, camera());
  const { packets, ended } = collect(sensor.packets);
  board.see(seen(1000, 10));
  await pass(context.clock, 10_000);
  board.restart();
  await turn();
  expect(sensor.stale!()?.why).toBe("the board restarted");
  for (let i = 0; i < 100; i++) await pass(context.clock, 20_000, 10_000);
  board.see(seen(1000, 10));
  await pass(context.clock, 10_000);
  expect(eventsOfAll(packets)).toHaveLength(20);
  context.ending.abort();
  await ended;
});

test("a board that says nothing, or lacks the format, is a device error", async () => {
  const dumb = camera();
  dumb.port.silent = true;
  await expect(open({}, dumb)).rejects.toThrow(/does not answer.*baudRate: 4000000/);
  await expect(open({ format: "E4" }, camera("old"))).rejects.toThrow(/does not answer/);
});
