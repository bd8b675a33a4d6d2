/** A neuron that fires at a steady beat: the drive of a rhythm, and time for a loop that no other sensor tells it. */

import { z } from "zod";
import { neurons } from "../src/events/geometry.ts";
import { Packet } from "../src/events/packet.ts";
import { nextGridUs } from "../src/events/time.ts";
import { defineSensor } from "../src/stage.ts";

const options = z.strictObject({
  everyUs: z
    .int()
    .min(100)
    .max(60_000_000)
    .default(20_000)
    .describe("time from spike to spike, microseconds; the first is at 0"),
  durationMs: z.number().positive().max(1e9).default(10_000).describe("how long it goes on, milliseconds"),
  packetUs: z
    .int()
    .positive()
    .max(1_000_000)
    .default(10_000)
    .describe("span of a packet, microseconds; changes no spike"),
});

export default defineSensor({
  name: "pacemaker",
  about: "A neuron that fires at a steady beat, for so long.",
  gives: "spikes",
  live: false,
  options,
  async open({ everyUs, durationMs, packetUs }, { signal }) {
    const geometry = neurons(1, 1, 1);
    const endUs = Math.round(durationMs * 1000);
    let doneUs = 0;
    async function* packets() {
      const packet = new Packet(geometry);
      while (doneUs < endUs && !signal.aborted) {
        const fromUs = doneUs;
        doneUs = Math.min(endUs, fromUs + packetUs);
        packet.begin(fromUs, doneUs);
        for (let atUs = nextGridUs(fromUs - 1, everyUs); atUs < doneUs; atUs += everyUs) packet.push(atUs, 0);
        yield packet;
      }
    }
    return { geometry, packets: packets(), share: () => doneUs / endUs };
  },
});
