/** Line tracker: only events on the strongest straight line pass. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { growingScale } from "./growing-scale.ts";

/** One in the fixed point of the angles' tables, whose products are shifted right by `unitBits` + 1. */
const unitBits = 12;
const unit = 1 << unitBits;

/**
 * Finds the strongest line by a Hough transform that forgets, and keeps the events near it (as jAER's line trackers
 * do). A line is x cos(angle) + y sin(angle) = offset, with x and y from the middle of the sensor; there are `angles`
 * angles over 180 degrees and offsets 1 pixel apart. Every `voteEvery`-th event votes for the `angles` lines through
 * its pixel with weight `voteEvery`; votes fade with `tauUs`. On the first event at or after each multiple of
 * `everyUs` of packet time, the line with most votes is taken (the one of least angle and offset among equals), if it
 * has `votesMin`; until the next time, the events within `distance` of it pass. Without a line, none does.
 */
export default defineStage({
  name: "line-tracker",
  about: "Keeps the events on the strongest straight line, found by a Hough transform.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    distance: z.number().min(0).default(3).describe("how far from the line an event may be, pixels"),
    tauUs: z.number().min(1000).default(20_000).describe("how fast votes are forgotten, microseconds"),
    votesMin: z.number().min(0).default(200).describe("votes of the line at least, events within tauUs"),
    everyUs: z.int().min(100).default(10_000).describe("how often the line is chosen, microseconds"),
    angles: z.int().min(2).max(720).default(90).describe("angles over 180 degrees"),
    voteEvery: z.int().min(1).max(1000).default(16).describe("one event in so many votes"),
  }),
  create({ distance, tauUs, votesMin, everyUs, angles, voteEvery }, context) {
    const geometry = pixelsIn(context);
    const { width, height } = geometry;
    const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
    const offsetMax = Math.ceil(Math.hypot(middleX, middleY)) + 1;
    const offsets = 2 * offsetMax + 1;
    // Fixed point: of twice the coordinates, which are whole numbers, the sum of two products stays below 2^31.
    const cosines = Int32Array.from({ length: angles }, (_, a) =>
      Math.round(unit * Math.cos((a * Math.PI) / angles)),
    );
    const sines = Int32Array.from({ length: angles }, (_, a) =>
      Math.round(unit * Math.sin((a * Math.PI) / angles)),
    );
    /** Votes in the growing scale, by angle and offset. */
    const votes = new Float64Array(angles * offsets);
    const { frameUs, at } = growingScale(tauUs);
    const out = new Packet(geometry);
    let originUs = -Infinity;
    let nextChoiceUs = -Infinity;
    let untilVote = voteEvery;
    let [cosine, sine, offset] = [0, 0, Infinity];
    let angleDeg = Number.NaN;
    let dropped = 0;

    function moveOrigin(timeUs: number): void {
      const faded = Math.exp((originUs - timeUs) / tauUs);
      for (let line = 0; line < votes.length; line++) votes[line] = votes[line]! * faded;
      originUs = timeUs;
    }

    /** Chooses the line as of the last grid point up to `timeUs`. */
    function choose(timeUs: number): void {
      const gridUs = Math.floor(timeUs / everyUs) * everyUs;
      nextChoiceUs = gridUs + everyUs;
      let strongest = -1;
      let most = votesMin * Math.exp((gridUs - originUs) / tauUs);
      for (let line = 0; line < votes.length; line++) {
        if (votes[line]! < most || votes[line] === 0) continue;
        if (votes[line] === most && strongest >= 0) continue;
        most = votes[line]!;
        strongest = line;
      }
      const angle = Math.floor(strongest / offsets);
      offset = strongest < 0 ? Infinity : (strongest % offsets) - offsetMax;
      cosine = strongest < 0 ? 0 : Math.cos((angle * Math.PI) / angles);
      sine = strongest < 0 ? 0 : Math.sin((angle * Math.PI) / angles);
      angleDeg = strongest < 0 ? Number.NaN : (angle * 180) / angles;
    }

    function vote(twiceX: number, twiceY: number, weight: number): void {
      let row = offsetMax;
      for (let angle = 0; angle < angles; angle++) {
        const sum = Math.imul(twiceX, cosines[angle]!) + Math.imul(twiceY, sines[angle]!);
        // Rounded to the nearest offset, half up.
        const line = row + ((sum + unit) >> (unitBits + 1));
        votes[line] = votes[line]! + weight;
        row += offsets;
      }
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
          const address = addresses[i]!;
          if (timeUs >= nextChoiceUs) choose(timeUs);
          const x = ((address >>> 1) & 0x7fff) - middleX;
          const y = (address >>> 16) - middleY;
          untilVote -= 1;
          if (untilVote === 0) {
            untilVote = voteEvery;
            if (timeUs - originUs > frameUs) moveOrigin(timeUs);
            vote(2 * x, 2 * y, voteEvery * at((timeUs - originUs) | 0));
          }
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          if (Math.abs(x * cosine + y * sine - offset) <= distance) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({
        "dropped beside the line": dropped,
        ...(Number.isFinite(offset) && {
          "angle of the line at the end, degrees": angleDeg,
          "offset of the line at the end, pixels": offset,
        }),
      }),
    };
  },
});
