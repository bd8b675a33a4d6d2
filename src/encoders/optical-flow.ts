/** Optical flow: a spike tells in which direction, and how fast, an edge passes. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { batchEvents } from "../webassembly.ts";
import { encoderKernels } from "./kernel.ts";

/** A pixel that never fired; times count from a base that moves before they exceed 2^29 us. */
const neverUs = -(2 ** 30);
const baseUsMax = 2 ** 29;
/** The kernel is made for this radius. */
const kernelRadius = 2;

/**
 * Fits a plane to the last times of the pixels around each event: an edge that passes leaves the time t = a x + b y + c
 * at (x, y), so its normal flow points along (a, b) with 1 / |(a, b)| pixels a microsecond (Benosman et al.,
 * "Event-Based Visual Flow", TNNLS 25(2), 2014). The fit is by least squares over the pixels of the event's polarity
 * within `radius` in x and y that the edge has passed, and once more over those of them that lie within |(a, b)| of the
 * first plane: not more than a pixel's way off it, which is the same for slow and fast edges. What an earlier edge left
 * is told by its age: the third youngest of the 8 neighbours, no older than `windowUs`, lies just behind the edge, and
 * pixels older than 2 radius + 1 times that are left out. The event becomes a spike when at least `support` pixels took
 * part in both fits, they don't lie on one line, and the speed is between `minPxPerS` and `maxPxPerS`; otherwise it
 * gives none, and is counted.
 *
 * Gives neurons of shape (bands * directions, rows, columns), id = (channel * rows + row) * columns + column, where
 * row and column are the grid cell of the pixel, channel = band * directions + direction, direction is the nearest
 * multiple of 360 / directions degrees (0 to the right, a quarter on is down, as y points), and band counts how many
 * of `bandsPxPerS` the speed has reached. Only the flow across an edge can be seen from so near (aperture problem).
 * Throws a usage error when no speed lies between `minPxPerS` and `maxPxPerS`.
 */
export default defineStage({
  name: "optical-flow",
  about:
    "Each event of a moving edge becomes a spike of its grid cell, in a channel for direction and speed.",
  takes: "events",
  gives: "spikes",
  options: z.strictObject({
    columns: z.int().min(1).max(4096).default(8).describe("cells from left to right"),
    rows: z.int().min(1).max(4096).default(8).describe("cells from top to bottom"),
    directions: z
      .int()
      .min(2)
      .max(64)
      .default(8)
      .describe("channels of direction, 0 to the right, then clockwise"),
    bandsPxPerS: z
      .array(z.number().positive())
      .max(15)
      .default([])
      .describe("speeds at which a next band of channels begins, rising, pixels a second"),
    radius: z.int().min(1).max(4).default(2).describe("how far the fitted pixels reach"),
    windowUs: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(50_000)
      .describe("how recent fitted pixels must be, microseconds"),
    support: z.int().min(3).max(81).default(6).describe("fitted pixels at least, the event's own among them"),
    minPxPerS: z.number().min(0).default(10).describe("slower is no flow, pixels a second"),
    maxPxPerS: z.number().positive().default(10_000).describe("faster is no flow, pixels a second"),
  }),
  create(options, context) {
    const { columns, rows, directions, radius, windowUs, support } = options;
    const sensor = pixelsIn(context);
    if (options.minPxPerS > options.maxPxPerS)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `no speed lies between minPxPerS ${options.minPxPerS} and maxPxPerS ${options.maxPxPerS}`,
        remedy: "Give a minPxPerS that is not above maxPxPerS.",
      });
    const geometry = neurons((options.bandsPxPerS.length + 1) * directions, rows, columns);
    const out = new Packet(geometry);
    // A border of pixels that never fire saves the test for the sensor's edge; the second plane is that of ON events.
    const stride = sensor.width + 2 * radius;
    const planeSize = stride * (sensor.height + 2 * radius);
    const { columns: shared, kernel } = encoderKernels.open({
      lastUs: [Int32Array, 2 * planeSize],
      columnOf: Uint32Array.from({ length: sensor.width }, (_, x) =>
        Math.floor((x * columns) / sensor.width),
      ),
      rowOf: Uint32Array.from(
        { length: sensor.height },
        (_, y) => Math.floor((y * rows) / sensor.height) * columns,
      ),
      bands: Float64Array.from(options.bandsPxPerS).sort(),
      sums: sumsByPattern(),
      // Spikes that a kernel leaves without a direction: their places, their slopes, and how many they are.
      doubtful: [Int32Array, batchEvents],
      doubtfulSlopes: [Float64Array, 2 * batchEvents],
      doubts: [Int32Array, 1],
    });
    const { lastUs, columnOf, rowOf, bands, doubtful, doubtfulSlopes, doubts } = shared;
    lastUs.fill(neverUs);
    const fit = new PlaneFit(lastUs, stride, radius);
    const cells = rows * columns;
    const slopeMin = 1e6 / options.maxPxPerS;
    const slopeMax = 1e6 / options.minPxPerS;
    const directionsPerRadian = directions / (2 * Math.PI);
    let baseUs = -Infinity;
    let without = 0;

    function moveBase(timeUs: number): void {
      const byUs = Math.min(timeUs - baseUs, 2 ** 31 - 1);
      for (let i = 0; i < lastUs.length; i++) lastUs[i] = Math.max(neverUs, lastUs[i]! - byUs);
      baseUs = timeUs;
    }

    /** The nearest direction, 0 to `directions` - 1. */
    function direction(slopeX: number, slopeY: number): number {
      const turned = Math.round(Math.atan2(slopeY, slopeX) * directionsPerRadian);
      return turned < 0 ? turned + directions : turned;
    }

    /** Appends the spikes of events `from` to `to`, all of one base. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let told = out.count;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const x = (address >>> 1) & 0x7fff;
        const y = address >>> 16;
        const sinceUs = (timeUs - baseUs) | 0;
        const pixel = (address & 1) * planeSize + (y + radius) * stride + x + radius;
        lastUs[pixel] = sinceUs;
        if (!fit.look(pixel, sinceUs, windowUs)) continue;
        if (fit.first(pixel, sinceUs) < support) continue;
        if (fit.again(pixel, sinceUs) < support) continue;
        const slope = Math.sqrt(fit.a * fit.a + fit.b * fit.b);
        if (!(slope >= slopeMin && slope <= slopeMax)) continue;
        let channel = direction(fit.a, fit.b);
        for (let band = 0; band < bands.length && 1e6 >= slope * bands[band]!; band++) channel += directions;
        out.times[told] = timeUs;
        out.addresses[told] = channel * cells + rowOf[y]! + columnOf[x]!;
        told += 1;
      }
      out.count = told;
    }

    /** As `plain`; it tells the few directions for which a kernel's arc tangent is too rough. */
    function withKernel({
      call,
      timesAt,
      addressesAt,
      take,
      give,
    }: NonNullable<typeof kernel>): typeof plain {
      return (packet, from, to) => {
        for (let i = from; i < to; ) {
          const count = take(packet, i, to);
          const first = out.count;
          const told = call.opticalFlow(
            timesAt,
            addressesAt,
            count,
            baseUs,
            lastUs.byteOffset,
            stride,
            planeSize,
            shared.sums.byteOffset,
            windowUs,
            support,
            slopeMin,
            slopeMax,
            directions,
            directionsPerRadian,
            bands.byteOffset,
            bands.length,
            cells,
            rowOf.byteOffset,
            columnOf.byteOffset,
            doubtful.byteOffset,
            doubtfulSlopes.byteOffset,
            doubts.byteOffset,
          );
          give(out, told);
          for (let d = 0; d < doubts[0]!; d++)
            out.addresses[first + doubtful[d]!]! +=
              cells * direction(doubtfulSlopes[2 * d]!, doubtfulSlopes[2 * d + 1]!);
          i += count;
        }
      };
    }

    const run = kernel && radius === kernelRadius ? withKernel(kernel) : plain;

    return {
      geometry,
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          if (times[from]! - baseUs > baseUsMax) moveBase(times[from]!);
          const to = indexAtOrAfter(packet, baseUs + baseUsMax + 1);
          run(packet, from, to);
          from = to;
        }
        without += count - out.count;
        return out;
      },
      counts: () => ({ "events without flow": without }),
    };
  },
});

/**
 * For the kernel, by patterns of eight pixels around an event, a byte each for their number and the sums of x, y, x^2,
 * x y and y^2, with x and y from the corner. Three tables: of the rows y = -2 and -1, of y = 1 and 2, each without its
 * last pixel, and of the event's row and the last column, each without what is in another.
 */
function sumsByPattern(): Uint8Array<ArrayBuffer> {
  const [near, far] = [
    [0, 1, 2, 3],
    [0, 1, 3, 4],
  ];
  const row = (y: number) => near.map((x) => [x, y] as const);
  const tables = [
    [...row(0), ...row(1)],
    [...row(3), ...row(4)],
    [...far.map((x) => [x, 2] as const), ...far.map((y) => [4, y] as const)],
  ];
  const sums = new Uint8Array(tables.length * 256 * 8);
  tables.forEach((pixels, table) => {
    for (let pattern = 0; pattern < 256; pattern++)
      pixels.forEach(([x, y], bit) => {
        if (((pattern >> bit) & 1) === 0) return;
        const at = (table * 256 + pattern) * 8;
        [1, x, y, x * x, x * y, y * y].forEach((term, i) => {
          sums[at + i]! += term;
        });
      });
  });
  return sums;
}

/** The plane t = a x + b y + c through last times, with x, y and t counted from an event. */
class PlaneFit {
  a = 0;
  b = 0;
  #c = 0;
  /** Up to which age pixels are fitted. */
  #ageUs = 0;
  readonly #lastUs: Int32Array;
  readonly #stride: number;
  readonly #radius: number;
  /** From a pixel to its 8 neighbours. */
  readonly #around: Int32Array;
  /**
   * Sums over the pixels of a row that take part, by the bits of those pixels: how many, of x, and of x^2. With them
   * the loop over pixels has only the times to sum.
   */
  readonly #counts: Int32Array;
  readonly #sums: Int32Array;
  readonly #squares: Int32Array;

  constructor(lastUs: Int32Array, stride: number, radius: number) {
    this.#lastUs = lastUs;
    this.#stride = stride;
    this.#radius = radius;
    this.#around = Int32Array.of(-stride - 1, -stride, 1 - stride, -1, 1, stride - 1, stride, stride + 1);
    const rowSum = (of: (x: number) => number) =>
      Int32Array.from({ length: 1 << (2 * radius + 1) }, (_, bits) => {
        let sum = 0;
        for (let x = -radius; x <= radius; x++) if ((bits >> (x + radius)) & 1) sum += of(x);
        return sum;
      });
    this.#counts = rowSum(() => 1);
    this.#sums = rowSum((x) => x);
    this.#squares = rowSum((x) => x * x);
  }

  /**
   * Finds from the 8 neighbours the age up to which pixels are fitted; false when it is more than `windowUs`. Behind a
   * straight edge lie three of them, so the third youngest tells how long the edge takes for a pixel, or for half a
   * diagonal; within 2 radius + 1 of these it passed all that is fitted.
   */
  look(pixel: number, nowUs: number, windowUs: number): boolean {
    const lastUs = this.#lastUs;
    const around = this.#around;
    let first = neverUs;
    let second = neverUs;
    let third = neverUs;
    for (let i = 0; i < 8; i++) {
      // Each difference keeps only its negative part: a minimum and a maximum without a branch.
      const atUs = lastUs[pixel + around[i]!]!;
      const a = (first - atUs) | 0;
      const olderA = a & (a >> 31);
      const b = (second - (atUs + olderA)) | 0;
      const olderB = b & (b >> 31);
      const c = (third - (atUs + olderA + olderB)) | 0;
      first = (first - olderA) | 0;
      second = (second - olderB) | 0;
      third = (third - (c & (c >> 31))) | 0;
    }
    this.#ageUs = Math.min(windowUs, (nowUs - third) * (2 * this.#radius + 1));
    return nowUs - third <= windowUs;
  }

  /** Fits all pixels up to that age; answers how many they are, 0 when they have no plane. */
  first(pixel: number, nowUs: number): number {
    this.a = 0;
    this.b = 0;
    this.#c = 0;
    return this.#fit(pixel, nowUs, this.#ageUs);
  }

  /** Fits those of them that lie within a pixel's way of the plane so far, to whole microseconds. */
  again(pixel: number, nowUs: number): number {
    const slope = Math.sqrt(this.a * this.a + this.b * this.b);
    return this.#fit(pixel, nowUs, Math.min(this.#ageUs, slope) | 0);
  }

  /** Fits the pixels up to that age and at most `offUs` away from the plane so far. */
  #fit(pixel: number, nowUs: number, offUs: number): number {
    const lastUs = this.#lastUs;
    const radius = this.#radius;
    const stride = this.#stride;
    // The plane so far in whole microseconds, so that the loop is one of 32-bit numbers.
    const a = Math.round(this.a) | 0;
    const b = Math.round(this.b) | 0;
    let n = 0;
    let sx = 0;
    let sy = 0;
    let st = 0;
    let sxx = 0;
    let sxy = 0;
    let syy = 0;
    let sxt = 0;
    let syt = 0;
    let row = pixel - radius * stride;
    let rowPlane = (Math.round(this.#c) - radius * (a + b) + nowUs) | 0;
    const oldestUs = (nowUs - this.#ageUs) | 0;
    for (let y = -radius; y <= radius; y++) {
      let bits = 0;
      let rowT = 0;
      let rowXT = 0;
      let plane = rowPlane;
      for (let x = -radius; x <= radius; x++) {
        const atUs = lastUs[row + x]!;
        const off = (plane - atUs) | 0;
        // Its sign is set when the pixel takes no part: a choice without a branch.
        const out = ((atUs - oldestUs) | (offUs - off) | (offUs + off)) >> 31;
        const t = (atUs - nowUs) & ~out;
        rowT = (rowT + t) | 0;
        rowXT = (rowXT + Math.imul(x, t)) | 0;
        bits |= (out + 1) << (x + radius);
        plane = (plane + a) | 0;
      }
      const rowN = this.#counts[bits]!;
      const rowX = this.#sums[bits]!;
      n += rowN;
      sx += rowX;
      sxx += this.#squares[bits]!;
      sy += y * rowN;
      syy += y * y * rowN;
      sxy += y * rowX;
      st += rowT;
      sxt += rowXT;
      syt += y * rowT;
      row += stride;
      rowPlane = (rowPlane + b) | 0;
    }
    // Least squares. The sums are whole numbers far below 2^53, so the determinant is exact.
    const xx = n * sxx - sx * sx;
    const xy = n * sxy - sx * sy;
    const yy = n * syy - sy * sy;
    const determinant = xx * yy - xy * xy;
    if (determinant === 0) return 0;
    const xt = n * sxt - sx * st;
    const yt = n * syt - sy * st;
    this.a = (xt * yy - yt * xy) / determinant;
    this.b = (yt * xx - xt * xy) / determinant;
    this.#c = (st - this.a * sx - this.b * sy) / n;
    return n;
  }
}
