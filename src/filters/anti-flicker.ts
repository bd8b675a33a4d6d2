/** Anti-flicker: pixels that see a lamp blink are silenced until it stops. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { baseUsMax, moveBase, neverUs } from "./pixel-times.ts";

/**
 * Measures the period of each pixel from rise to rise; a rise is an ON event after an OFF event of the pixel, so the
 * number of events in a burst doesn't matter. A period is steady when it lies between 1 / `maxHz` and 1 / `minHz`
 * and differs from the one before by `toleranceUs` at most. After `periods` steady ones in a row (the first needs only
 * be in the band) the pixel flickers; it stops when a period isn't steady, or when no rise came for 1 / `minHz` and the
 * tolerance. The rise that makes a pixel flicker is its first event that counts as flicker.
 *
 * Prophesee's AntiFlickerAlgorithm has the same parts (a band, a filter length, a tolerance between periods), but its
 * source isn't public: this rule is our own, and this is all of it. A lamp at 50 Hz mains blinks at 100 Hz, at 60 Hz
 * mains at 120 Hz. Throws a usage error when the band is empty.
 */
export default defineStage({
  name: "anti-flicker",
  about: "Drops the events of pixels that blink within a band of frequencies, or keeps only those.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    minHz: z.number().min(1).max(100_000).default(80).describe("slowest flicker, rises of a pixel a second"),
    maxHz: z.number().min(1).max(100_000).default(130).describe("fastest flicker, rises of a pixel a second"),
    periods: z.int().min(1).max(100).default(4).describe("steady periods in a row until a pixel flickers"),
    toleranceUs: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(1000)
      .describe("how much a steady period may differ from the one before, microseconds"),
    keep: z.enum(["other", "flicker"]).default("other").describe("which events pass"),
  }),
  create({ minHz, maxHz, periods, toleranceUs, keep }, context) {
    const geometry = pixelsIn(context);
    if (minHz > maxHz)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `no frequency lies between minHz ${minHz} and maxHz ${maxHz}`,
        remedy: "Give a minHz that is not above maxHz.",
      });
    const { width } = geometry;
    const pixelCount = width * geometry.height;
    const periodUsMin = 1e6 / maxHz;
    const periodUsMax = 1e6 / minHz;
    const silenceUsMax = periodUsMax + toleranceUs;
    const wanted = keep === "flicker" ? 1 : 0;
    const risesUs = new Int32Array(pixelCount).fill(neverUs);
    const periodsUs = new Int32Array(pixelCount);
    const steady = new Uint8Array(pixelCount);
    const bright = new Uint8Array(pixelCount);
    let baseUs = -Infinity;
    const out = new Packet(geometry);
    let dropped = 0;
    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const timeUs = times[i]!;
          const address = addresses[i]!;
          if (timeUs - baseUs > baseUsMax) {
            moveBase(risesUs, timeUs - baseUs);
            baseUs = timeUs;
          }
          const sinceUs = (timeUs - baseUs) | 0;
          const pixel = (address >>> 16) * width + ((address >>> 1) & 0x7fff);
          const on = address & 1;
          if (on > bright[pixel]!) {
            const periodUs = sinceUs - risesUs[pixel]!;
            const near = Math.abs(periodUs - periodsUs[pixel]!) <= toleranceUs;
            const inBand = periodUs >= periodUsMin && periodUs <= periodUsMax;
            steady[pixel] = inBand ? (near ? Math.min(periods, steady[pixel]! + 1) : 1) : 0;
            periodsUs[pixel] = periodUs;
            risesUs[pixel] = sinceUs;
          }
          bright[pixel] = on;
          const flickers = steady[pixel]! >= periods && sinceUs - risesUs[pixel]! <= silenceUsMax ? 1 : 0;
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          if (flickers === wanted) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ [keep === "other" ? "dropped as flicker" : "dropped without flicker"]: dropped }),
    };
  },
});
