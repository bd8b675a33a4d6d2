/** Activity: the rate of all spikes together, above a threshold or below it. */

import { z } from "zod";
import { ReflexarcError } from "../../errors.ts";
import { neurons } from "../../events/geometry.ts";
import { Packet } from "../../events/packet.ts";
import { defineStage, neuronsIn } from "../../stage.ts";

/**
 * The rate is that of an exponential window,
 *
 *     r(t) = (1 / tauUs) * sum of exp(-(t - t_i) / tauUs)      over all spikes t_i <= t
 *
 * Activity begins with the spike that brings it to overHz, and ends at the first microsecond at which it is below underHz:
 * the gap between the two is the hysteresis. What is told is one spike of neuron 0: when activity begins (`tells: over`) or
 * when it ends (`tells: under`), and again every repeatUs until the other happens. Before anything came, nothing has ended.
 * Throws a usage error when underHz is above overHz.
 */
export default defineStage({
  name: "activity",
  about: "Tells that spikes come at a higher rate than usual, or no longer do.",
  takes: "spikes",
  gives: "spikes",
  options: z.strictObject({
    overHz: z
      .number()
      .positive()
      .describe("rate of all neurons together at which activity begins, spikes a second"),
    underHz: z
      .number()
      .positive()
      .optional()
      .describe("rate below which it ends, spikes a second; half of overHz by default"),
    tauUs: z
      .number()
      .min(100)
      .default(50_000)
      .describe("time constant of the window in which the rate is taken, microseconds"),
    tells: z
      .enum(["over", "under"])
      .default("over")
      .describe("over: that activity goes on; under: that it has ended"),
    repeatUs: z
      .int()
      .min(100)
      .default(100_000)
      .describe("it is told again so often while it lasts, microseconds"),
  }),
  create({ overHz, underHz = overHz / 2, tauUs, tells, repeatUs }, context) {
    neuronsIn(context);
    if (underHz > overHz)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `activity that begins at ${overHz} Hz can't end below ${underHz} Hz`,
        remedy: "Make underHz smaller than overHz, or leave it out.",
      });
    const geometry = neurons(1, 1, 1);
    const out = new Packet(geometry, 64);
    // Both as sums of the window: rates times its length.
    const over = (overHz * tauUs) / 1e6;
    const under = (underHz * tauUs) / 1e6;
    let sum = 0;
    let asOfUs = Number.NEGATIVE_INFINITY;
    let active = false;
    let endsUs = Number.POSITIVE_INFINITY;
    let tellsUs = Number.POSITIVE_INFINITY;
    let detections = 0;

    /** What time alone brings before `untilUs`. */
    function pass(untilUs: number): void {
      while (Math.min(endsUs, tellsUs) < untilUs) {
        if (endsUs <= tellsUs) turn("under", endsUs);
        else {
          out.push(tellsUs, 0);
          tellsUs += repeatUs;
        }
      }
    }

    function turn(to: "over" | "under", timeUs: number): void {
      active = to === "over";
      if (!active) endsUs = Number.POSITIVE_INFINITY;
      tellsUs = Number.POSITIVE_INFINITY;
      if (to !== tells) return;
      out.push(timeUs, 0);
      tellsUs = timeUs + repeatUs;
      detections += 1;
    }

    return {
      geometry,
      step({ fromUs, toUs, count, times }) {
        out.begin(fromUs, toUs);
        for (let i = 0; i < count; ) {
          const timeUs = times[i]!;
          pass(timeUs);
          sum *= Math.exp((asOfUs - timeUs) / tauUs);
          asOfUs = timeUs;
          for (; i < count && times[i] === timeUs; i++) sum += 1;
          if (!active && sum >= over) turn("over", timeUs);
          if (active) endsUs = Math.floor(timeUs + tauUs * Math.log(sum / under)) + 1;
        }
        pass(toUs);
        return out;
      },
      counts: () => ({ detections }),
    };
  },
});
