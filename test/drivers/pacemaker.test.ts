/** The pacemaker: its beat, its end, and packets of any span. */

import { expect, test } from "vitest";
import pacemaker from "../../drivers/pacemaker.ts";
import type { Packet } from "../../src/events/packet.ts";
import { heardContext } from "../support/driver-contract.ts";
import { eventsOf } from "../support/packets.ts";

async function beats(given: object) {
  const sensor = await pacemaker.open(pacemaker.options.parse(given), heardContext("time"));
  const spans: number[] = [0];
  const spikes: (readonly number[])[] = [];
  for await (const packet of sensor.packets as AsyncIterable<Packet>) {
    expect(packet.fromUs).toBe(spans.at(-1));
    spans.push(packet.toUs);
    spikes.push(...eventsOf(packet));
  }
  expect(sensor.share!()).toBe(1);
  return { spikes, endUs: spans.at(-1) };
}

test("fires at each multiple of its period, from 0 up to its end", async () => {
  expect(await beats({ everyUs: 300, durationMs: 1.2 })).toEqual({
    spikes: [
      [0, 0],
      [300, 0],
      [600, 0],
      [900, 0],
    ],
    endUs: 1200,
  });
});

test("its packets may have any span", async () => {
  const whole = await beats({ everyUs: 700, durationMs: 7, packetUs: 1_000_000 });
  expect(whole.spikes).toHaveLength(10);
  for (const packetUs of [50, 699, 700, 701, 9000])
    expect(await beats({ everyUs: 700, durationMs: 7, packetUs })).toEqual(whole);
});

test("ends with the run", async () => {
  const ending = new AbortController();
  const sensor = await pacemaker.open(pacemaker.options.parse({}), heardContext("time", ending.signal));
  let packets = 0;
  for await (const _ of sensor.packets) {
    packets += 1;
    if (packets === 3) ending.abort();
  }
  expect(packets).toBe(3);
});
