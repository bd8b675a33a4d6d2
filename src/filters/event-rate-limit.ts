/** Event rate limit: no more events in a window than what follows can bear. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Lets at most `events` pass in each window of `windowUs`; windows lie on the grid of absolute packet time, so the
 * packets don't matter. With rule "first", the first of each window pass. With rule "even", those that pass are spread:
 * a window is thinned by the share that the window before would have needed. Let n be how many came in that one (0 when
 * it was silent); then a credit grows by `events` with each event that comes, and one that raises it to max(n, events)
 * passes and takes that much away. A burst after a calm window is thus cut at its end, and evenly from the next window
 * on. The credit begins each window at 0. Both rules are deterministic.
 */
export default defineStage({
  name: "event-rate-limit",
  about: "Lets at most so many events pass in each window of time, and counts the others.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    events: z
      .int()
      .positive()
      .max(1e9)
      .default(1000)
      .describe("most events in a window; 1000 in 1 ms are 1 Mev/s"),
    windowUs: z.int().positive().default(1000).describe("length of a window, microseconds"),
    rule: z
      .enum(["even", "first"])
      .default("even")
      .describe("even: those that pass are spread over the window; first: the first ones pass"),
  }),
  create({ events, windowUs, rule }, context) {
    const out = new Packet(pixelsIn(context));
    let windowEndUs = -Infinity;
    let came = 0;
    let passed = 0;
    let credit = 0;
    let price = events;
    let [dropped, fullWindows] = [0, 0];

    /** Begins the window that holds `timeUs`. */
    function turnWindow(timeUs: number): void {
      const silent = timeUs - windowEndUs >= windowUs;
      if (rule === "even") price = silent ? events : Math.max(came, events);
      windowEndUs = (Math.floor(timeUs / windowUs) + 1) * windowUs;
      came = 0;
      passed = 0;
      credit = 0;
    }

    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const timeUs = times[i]!;
          if (timeUs >= windowEndUs) turnWindow(timeUs);
          came += 1;
          credit += events;
          if (credit < price) continue;
          credit -= price;
          if (passed === events) continue;
          passed += 1;
          if (passed === events) fullWindows += 1;
          outTimes[kept] = timeUs;
          outAddresses[kept] = addresses[i]!;
          kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped above the rate limit": dropped, "windows at the limit": fullWindows }),
    };
  },
});
