/** Line tracker: only events on the strongest straight line pass. */

import { z } from "zod";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { growingScale } from "./growing-scale.ts";
import { filterKernels } from "./kernel.ts";

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
    // A kernel takes four angles at a time; what further ones vote for is no line.
    const angles4 = Math.ceil(angles / 4) * 4;
    const { frameUs, at, fine, coarse } = growingScale(tauUs);
    const { columns, kernel } = filterKernels.open({
      // Fixed point: of twice the coordinates, which are whole numbers, the sum of two products stays below 2^31.
      cosines: Int32Array.from({ length: angles4 }, (_, a) =>
        Math.round(unit * Math.cos((a * Math.PI) / angles)),
      ),
      sines: Int32Array.from({ length: angles4 }, (_, a) =>
        Math.round(unit * Math.sin((a * Math.PI) / angles)),
      ),
      // In the growing scale, by angle and offset.
      votes: [Float64Array, angles4 * offsets],
      fine,
      coarse,
    });
    const { cosines, sines, votes } = columns;
    const lines = angles * offsets;
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
      const least = votesMin * Math.exp((gridUs - originUs) / tauUs);
      const line = kernel ? kernel.call.strongest(votes.byteOffset, lines, least) : strongest(least);
      const angle = Math.floor(line / offsets);
      offset = line < 0 ? Infinity : (line % offsets) - offsetMax;
      cosine = line < 0 ? 0 : Math.cos((angle * Math.PI) / angles);
      sine = line < 0 ? 0 : Math.sin((angle * Math.PI) / angles);
      angleDeg = line < 0 ? Number.NaN : (angle * 180) / angles;
    }

    /** The first line with most votes, when they are at least `least` and not 0; else -1. */
    function strongest(least: number): number {
      let first = -1;
      let most = least;
      for (let line = 0; line < lines; line++) {
        if (votes[line]! < most || votes[line] === 0) continue;
        if (votes[line] === most && first >= 0) continue;
        most = votes[line]!;
        first = line;
      }
      return first;
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

    /** Appends those of events `from` to `to` that pass, by one line and in one frame of the scale. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let kept = out.count;
      let until = untilVote;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const x = ((address >>> 1) & 0x7fff) - middleX;
        const y = (address >>> 16) - middleY;
        until -= 1;
        if (until === 0) {
          until = voteEvery;
          vote(2 * x, 2 * y, voteEvery * at((timeUs - originUs) | 0));
        }
        out.times[kept] = timeUs;
        out.addresses[kept] = address;
        if (Math.abs(x * cosine + y * sine - offset) <= distance) kept += 1;
      }
      out.count = kept;
    }

    const run = kernel
      ? kernel.inBatches(out, (count) => {
          const kept = kernel.call.lineVotes(
            kernel.timesAt,
            kernel.addressesAt,
            count,
            untilVote,
            voteEvery,
            originUs,
            columns.fine.byteOffset,
            columns.coarse.byteOffset,
            cosines.byteOffset,
            sines.byteOffset,
            angles4,
            votes.byteOffset,
            offsets,
            width - 1,
            height - 1,
            cosine,
            sine,
            offset,
            distance,
          );
          countDown(count);
          return kept;
        })
      : (packet: Packet, from: number, to: number) => {
          plain(packet, from, to);
          countDown(to - from);
        };

    /** So many events have come; each that brings `untilVote` to 0 has voted. */
    function countDown(events: number): void {
      untilVote = voteEvery - ((events + voteEvery - untilVote) % voteEvery);
    }

    /** The index of the first vote at or after event `from` that the scale's frame doesn't reach. */
    function nextLateVote(packet: Packet, from: number): number {
      const nextVote = from + untilVote - 1;
      const late = indexAtOrAfter(packet, originUs + frameUs + 1);
      return nextVote + voteEvery * Math.max(0, Math.ceil((late - nextVote) / voteEvery));
    }

    return {
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          if (times[from]! >= nextChoiceUs) choose(times[from]!);
          // The scale's origin moves with the first vote after its frame.
          if (nextLateVote(packet, from) === from) moveOrigin(times[from]!);
          const to = Math.min(count, indexAtOrAfter(packet, nextChoiceUs), nextLateVote(packet, from));
          run(packet, from, to);
          from = to;
        }
        dropped += count - out.count;
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
