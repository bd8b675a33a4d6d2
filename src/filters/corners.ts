/** Corners: only events where two edges meet pass. */

import { z } from "zod";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { filterKernels } from "./kernel.ts";
import { moveBase, neverUs } from "./pixel-times.ts";

/** Circles of FAST around (0, 0), clockwise from the bottom: 16 pixels at radius 3, 20 at radius 4. */
const small = {
  x: [0, 1, 2, 3, 3, 3, 2, 1, 0, -1, -2, -3, -3, -3, -2, -1],
  y: [3, 3, 2, 1, 0, -1, -2, -3, -3, -3, -2, -1, 0, 1, 2, 3],
};
const large = {
  x: [0, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, -1, -2, -3, -4, -4, -4, -3, -2, -1],
  y: [4, 4, 3, 2, 1, 0, -1, -2, -3, -4, -4, -4, -3, -2, -1, 0, 1, 2, 3, 4],
};
const border = 4;

/** Times count from a base that moves before they exceed this: twice a time, and its polarity, is a column's value. */
const baseUsMax = 2 ** 28;

/**
 * Keeps an event when, on both circles around it, the newest pixels lie side by side: on the one of radius 3 an arc of
 * 3 to 6 pixels, on the one of radius 4 of 4 to 8, each of whose last times is later than all others of the circle
 * (eFAST: Mueggler, Bartolozzi, Scaramuzza, "Fast Event-based Corner Detection", BMVC 2017). Times are those of the
 * event's own polarity. With arcs "both", such an arc of oldest pixels is a corner as well, that of an edge which is
 * wider than 180 degrees (after Alzugaray and Chli, "Asynchronous Corner Detection and Tracking for Event Cameras in
 * Real Time", RA-L 3(4), 2018). An event less than 4 pixels from the edge of the sensor is no corner.
 *
 * Also after Alzugaray and Chli, section III-A: an edge makes a pixel fire several times. An event that follows
 * one of its pixel and polarity within `repeatUs`, without one of the other polarity in between, is dropped and doesn't
 * count as new. 0 turns that off.
 */
export default defineStage({
  name: "corners",
  about: "Keeps events at corners (eFAST): an arc of recent pixels on two circles around them.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    repeatUs: z
      .int()
      .min(0)
      .max(baseUsMax)
      .default(50_000)
      .describe("how long a pixel's further events of one polarity are the same edge, microseconds"),
    arcs: z
      .enum(["narrow", "both"])
      .default("narrow")
      .describe("narrow: edges of less than 180 degrees, as eFAST; both: wider ones as well"),
  }),
  create({ repeatUs, arcs }, context) {
    const geometry = pixelsIn(context);
    const { width, height } = geometry;
    const planeSize = width * height;
    const { columns, kernel } = filterKernels.open({
      // A pixel's last event: twice its time, and one more for ON.
      latest: [Int32Array, planeSize],
      // When a pixel fired last with what was not a repetition: a plane for each polarity.
      edgesUs: [Int32Array, 2 * planeSize],
      // The kernel's own: those times once more, in 16 bits, and what it tells.
      coarse: [Uint16Array, 2 * planeSize],
      state: Int32Array.of(0, neverUs),
      room: [Uint8Array, 2048],
      smallRing: bytesAround(small, width),
      largeRing: bytesAround(large, width),
    });
    const { latest, edgesUs, state } = columns;
    latest.fill(neverUs);
    edgesUs.fill(neverUs);
    const smallRing = new Ring(small, width, 3, 6, arcs === "both");
    const largeRing = new Ring(large, width, 4, 8, arcs === "both");
    const [innerWidth, innerHeight] = [Math.max(0, width - 2 * border), Math.max(0, height - 2 * border)];
    let baseUs = -Infinity;
    const out = new Packet(geometry);
    let [repetitions, dropped] = [0, 0];

    /** Appends those of events `from` to `to` that pass, all of one base. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let kept = out.count;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const sinceUs = (timeUs - baseUs) | 0;
        const x = (address >>> 1) & 0x7fff;
        const y = address >>> 16;
        const place = y * width + x;
        const pixel = place + (address & 1) * planeSize;
        const before = latest[place]!;
        latest[place] = 2 * sinceUs + (address & 1);
        if (repeatUs > 0 && (before & 1) === (address & 1) && sinceUs - (before >> 1) <= repeatUs) {
          repetitions += 1;
          continue;
        }
        edgesUs[pixel] = sinceUs;
        if ((x - border) >>> 0 >= innerWidth || (y - border) >>> 0 >= innerHeight) continue;
        if (!smallRing.hasArc(edgesUs, pixel) || !largeRing.hasArc(edgesUs, pixel)) continue;
        out.times[kept] = timeUs;
        out.addresses[kept] = address;
        kept += 1;
      }
      out.count = kept;
    }

    const run = kernel
      ? kernel.inBatches(out, (count) => {
          const kept = kernel.call.corners(
            kernel.timesAt,
            kernel.addressesAt,
            count,
            baseUs,
            latest.byteOffset,
            edgesUs.byteOffset,
            columns.coarse.byteOffset,
            width,
            height,
            repeatUs,
            arcs === "both" ? 1 : 0,
            columns.smallRing.byteOffset,
            columns.largeRing.byteOffset,
            state.byteOffset,
            columns.room.byteOffset,
          );
          repetitions += state[0]!;
          return kept;
        })
      : plain;

    return {
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          const timeUs = times[from]!;
          if (timeUs - baseUs > baseUsMax) {
            const byUs = timeUs - baseUs;
            moveBase(latest, 2 * byUs);
            moveBase(edgesUs, byUs);
            state[1] = Math.max(neverUs, state[1]! - byUs);
            baseUs = timeUs;
          }
          const to = indexAtOrAfter(packet, baseUs + baseUsMax + 1);
          run(packet, from, to);
          from = to;
        }
        dropped += count - out.count;
        return out;
      },
      counts: () => ({
        "dropped without a corner": dropped - repetitions,
        "dropped as repeated": repetitions,
      }),
    };
  },
});

/** How far the pixels of a circle are from its middle in a column of 32 bits, twice around, from (-1, radius) on. */
function bytesAround({ x, y }: typeof small, stride: number): Int32Array<ArrayBuffer> {
  const size = x.length;
  return Int32Array.from({ length: 2 * size }, (_, i) => {
    const at = (i + size - 1) % size;
    return 4 * (y[at]! * stride + x[at]!);
  });
}

/** The times on a circle, and whether its newest pixels lie side by side. */
class Ring {
  readonly #offsets: Int32Array;
  /** Twice around, so that an arc needs no wrap. */
  readonly #times: Int32Array;
  /** Times in the order in which the arc grew. */
  readonly #grown: Int32Array;
  /** The oldest of them so far. */
  readonly #oldest: Int32Array;
  readonly #least: number;
  readonly #most: number;
  readonly #both: boolean;

  constructor(
    circle: { readonly x: readonly number[]; readonly y: readonly number[] },
    stride: number,
    least: number,
    most: number,
    both: boolean,
  ) {
    this.#offsets = Int32Array.from(circle.x, (x, i) => circle.y[i]! * stride + x);
    this.#times = new Int32Array(2 * this.#offsets.length);
    this.#grown = new Int32Array(most);
    this.#oldest = new Int32Array(most);
    this.#least = least;
    this.#most = most;
    this.#both = both;
  }

  hasArc(lastUs: Int32Array, center: number): boolean {
    // With all bits turned over, the oldest time is the newest.
    return (
      this.#newestTogether(lastUs, center, 0) || (this.#both && this.#newestTogether(lastUs, center, -1))
    );
  }

  /**
   * If the n newest pixels lie side by side and are strictly newer than the rest, then an arc that starts at the newest
   * and always grows towards its newer neighbour holds exactly them when it has n. So one arc tells for all n. None of
   * the rest is as new as its first pixels, so when more than `most` are, there is no such n: most events end there.
   */
  #newestTogether(lastUs: Int32Array, center: number, turned: 0 | -1): boolean {
    const offsets = this.#offsets;
    const times = this.#times;
    const grown = this.#grown;
    const oldest = this.#oldest;
    const size = offsets.length;
    const least = this.#least;
    const most = this.#most;
    let newest = 0;
    let newestUs = neverUs;
    for (let i = 0; i < size; i++) {
      const timeUs = lastUs[center + offsets[i]!]! ^ turned;
      times[i] = timeUs;
      times[i + size] = timeUs;
      // All ones when it is newer: a choice without a branch, which no processor could foresee, is twice as fast.
      const newer = (newestUs - timeUs) >> 31;
      newestUs = (newestUs + ((timeUs - newestUs) & newer)) | 0;
      newest = (newest + ((i - newest) & newer)) | 0;
    }
    let left = newest + size - 1;
    let right = newest + 1;
    let oldestUs = newestUs;
    grown[0] = newestUs;
    oldest[0] = newestUs;
    for (let n = 1; n < most; n++) {
      if (n === least && countFrom(times, size, oldestUs) > most) return false;
      const leftUs = times[left]!;
      const rightUs = times[right]!;
      const toLeft = (rightUs - leftUs) >> 31;
      const takenUs = (rightUs + ((leftUs - rightUs) & toLeft)) | 0;
      left = (left + toLeft) | 0;
      right = (right + toLeft + 1) | 0;
      oldestUs = (oldestUs + ((takenUs - oldestUs) & ((takenUs - oldestUs) >> 31))) | 0;
      grown[n] = takenUs;
      oldest[n] = oldestUs;
    }
    let restUs = times[right]!;
    for (let i = right + 1; i < right + size - most; i++) if (times[i]! > restUs) restUs = times[i]!;
    for (let n = most; n >= least; n--) {
      if (oldest[n - 1]! > restUs) return true;
      if (grown[n - 1]! > restUs) restUs = grown[n - 1]!;
    }
    return false;
  }
}

/** How many of the first `size` times are `fromUs` or later. */
function countFrom(times: Int32Array, size: number, fromUs: number): number {
  let count = size;
  for (let i = 0; i < size; i++) count = (count + ((times[i]! - fromUs) >> 31)) | 0;
  return count;
}
