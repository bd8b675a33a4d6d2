/** A GENX320 on a fake USB port: its rows, seconds that run over, lost frames, a plug that is pulled. */

import { expect, test } from "vitest";
import genx320, { openGenx320 } from "../../drivers/genx320.ts";
import { pixelAddress } from "../../src/events/geometry.ts";
import { fakeBoard } from "../support/fake-board.ts";
import { collect, eventsOfAll, liveContext, pass } from "../support/live.ts";
import { type Row, rowFrames } from "../support/openmv-rows.ts";
import { sensorContract } from "../support/sensor-contract.ts";

let ports = 0;

async function camera() {
  ports += 1;
  const context = liveContext();
  const port = fakeBoard();
  const frame = rowFrames();
  const opening = openGenx320(genx320.options.parse({ port: `genx-${ports}` }), context, port.open);
  opening.catch(() => {});
  await pass(context.clock, 20_000, 5000);
  port.say(frame([]));
  await pass(context.clock, 20_000, 5000);
  return { sensor: await opening, context, port, frame };
}

sensorContract({
  definition: genx320,
  options: { port: "genx-contract" },
  open: async (options, context) => {
    const port = fakeBoard();
    const opening = openGenx320(options, context, port.open);
    await pass(context.clock, 20_000, 5000);
    port.say(rowFrames()([]));
    await pass(context.clock, 20_000, 5000);
    return opening;
  },
});

const rows = (fromUs: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => [fromUs + i * 30, i % 320, 319 - (i % 320), i & 1]);
const addressesOf = (list: readonly Row[]) => list.map(([, x, y, on]) => pixelAddress(x, y, on));

test("rows become events, over the end of the seconds too", async () => {
  const { sensor, context, port, frame } = await camera();
  const { packets, ended } = collect(sensor.packets);
  const all = [...rows(65_536e6 - 3000, 90), ...rows(65_536e6, 90)];
  port.say(frame(all.slice(0, 100)));
  await pass(context.clock, 3000);
  const second = frame(all.slice(100));
  port.say(second.subarray(0, 99));
  port.say(second.subarray(99));
  await pass(context.clock, 10_000);
  const events = eventsOfAll(packets);
  expect(events.map(([, address]) => address)).toEqual(addressesOf(all));
  expect(events.at(-1)![0] - events[100]![0]).toBe(79 * 30);
  expect(sensor.lost!()).toEqual({});
  expect(sensor.counts!()).toMatchObject({ frames: 3, events: 180 });
  context.ending.abort();
  await ended;
});

test("frames that are damaged or missing are counted, with their events", async () => {
  const { sensor, context, port, frame } = await camera();
  frame(rows(0, 10));
  const damaged = frame(rows(1000, 10));
  damaged[50]! ^= 1;
  port.say(damaged);
  port.say(frame(rows(2000, 10)));
  expect(sensor.lost!()).toMatchObject({ "frames lost on the way": 2, "events lost on the way": 20 });
  expect(sensor.lost!()["bytes that are no frame"]).toBe(damaged.length);
  context.ending.abort();
});

test("a plug that is pulled and put back", async () => {
  const { sensor, context, port } = await camera();
  port.unplug();
  expect(sensor.stale!()?.lost).toBe(true);
  const again = rowFrames(6);
  for (let i = 0; i < 40; i++) {
    await pass(context.clock, 20_000, 10_000);
    port.say(again(rows(i * 1000, 5)));
  }
  expect(sensor.stale!()).toBeUndefined();
  expect(sensor.counts!().events).toBeGreaterThan(100);
  context.ending.abort();
});

test("a camera without the script is a device error that names it", async () => {
  const context = liveContext();
  const opening = openGenx320(genx320.options.parse({ port: "genx-none" }), context, fakeBoard().open);
  opening.catch(() => {});
  for (let i = 0; i < 30; i++) await pass(context.clock, 100_000, 50_000);
  await expect(opening).rejects.toThrow(/does not answer.*genx320_stream\.py/);
});
