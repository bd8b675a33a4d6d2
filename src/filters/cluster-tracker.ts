/** Cluster tracker: only events of the things that move most pass. */

import { z } from "zod";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { batchEvents } from "../room-kernels.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { growingScale } from "./growing-scale.ts";
import { filterKernels } from "./kernel.ts";

/** Clusters that are followed at a time, of which the strongest are kept. */
const clustersMax = 16;
/** With two more for the kernel: one that is nowhere, and one that takes the events of none. */
const places = clustersMax + 2;
/** How often clusters are judged, on the grid of packet time. */
const judgeUs = 1000;
/** The picture is divided into squares of 2^3 pixels; each knows which clusters may reach it. */
const cellBits = 3;
/** How far a centre may move until the squares are told again, pixels. */
const driftPx = 4;
/** How many events a kernel is given after it has left one: most likely it leaves another soon. */
const strideMin = 64;
/** A cluster whose mass has faded below this is gone: a lone event's is after one time constant. */
const massGone = Math.exp(-1);

/**
 * Follows up to 16 square clusters of events and keeps the events of the `keep` strongest (after Delbruck's
 * rectangular cluster tracker: Delbruck and Lang, "Robotic Goalie with 3 ms Reaction Time", Front. Neurosci. 7, 2013;
 * with squares of one size). An event belongs to the cluster with the nearest centre (the larger of the distances in
 * x and y) among those within `radius`; the centre moves by `mixing` of the way to it, and the mass, a sum of events
 * that fades with `tauUs`, grows by 1. An event that belongs to none begins a cluster, when one is free.
 *
 * On the first event at or after each millisecond of packet time the clusters are judged: those whose mass faded
 * below 1/e are gone; of two whose centres are within `radius` the lighter joins the heavier (centres are averaged by
 * mass); when all 16 are in use the lightest is gone, so that noise can't hold them all; and until the next judgement
 * the events that pass are those of the `keep` heaviest with at least `massMin`.
 */
export default defineStage({
  name: "cluster-tracker",
  about: "Keeps the events of the strongest moving clusters.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    keep: z.int().min(1).max(clustersMax).default(1).describe("how many clusters' events pass"),
    radius: z.number().min(1).max(4096).default(12).describe("half the side of a cluster, pixels"),
    mixing: z
      .number()
      .gt(0)
      .max(1)
      .default(0.02)
      .describe("how far an event draws its cluster towards it, as a share of the way"),
    tauUs: z.number().min(1000).default(20_000).describe("how fast a cluster's mass fades, microseconds"),
    massMin: z
      .number()
      .min(0)
      .default(30)
      .describe("least mass of a cluster that is kept, events within tauUs"),
  }),
  create({ keep, radius, mixing, tauUs, massMin }, context) {
    const geometry = pixelsIn(context);
    const { width, height } = geometry;
    const out = new Packet(geometry);
    const columns = ((width - 1) >> cellBits) + 1;
    const rows = ((height - 1) >> cellBits) + 1;
    const { at, fine, coarse } = growingScale(tauUs);
    const { columns: shared, kernel } = filterKernels.open({
      // A bit for each cluster that may be near: 16 distances an event become the one or two that matter.
      nearby: [Uint16Array, columns * rows],
      // x and y of each.
      centres: [Float64Array, 2 * places],
      // Where the centres were when `nearby` was told.
      told: [Float64Array, 2 * places],
      // In the growing scale; 0 is a free place.
      masses: [Float64Array, places],
      kept: [Uint8Array, places],
      fine,
      coarse,
      passed: [Int32Array, 1],
    });
    const { nearby, centres, told, masses, kept, passed } = shared;
    centres[2 * clustersMax] = Infinity;
    told.fill(Number.NaN, 2 * clustersMax);
    /** Places that may be in use are those below. */
    let used = 0;
    let originUs = -Infinity;
    let nextJudgeUs = -Infinity;
    let [dropped, pickedUp, keptNow] = [0, 0, 0];

    /** Judges the clusters as of the last grid point up to `timeUs`. */
    function judge(timeUs: number): void {
      const gridUs = Math.floor(timeUs / judgeUs) * judgeUs;
      nextJudgeUs = gridUs + judgeUs;
      // Masses as they are now: the scale begins anew, so that it never runs out between two of them.
      const faded = Math.exp((originUs - gridUs) / tauUs);
      for (let c = 0; c < used; c++) {
        const mass = masses[c]! * faded;
        masses[c] = mass < massGone ? 0 : mass;
      }
      originUs = gridUs;
      joinNear();
      used = gathered(centres, masses, kept, used);
      if (used === clustersMax) used -= 1;
      nearby.fill(0);
      for (let c = 0; c < used; c++) tell(c);
      keptNow = 0;
      // They are in order of mass now.
      for (let c = 0; c < used; c++) {
        const chosen = c < keep && masses[c]! >= massMin ? 1 : 0;
        if (chosen > kept[c]!) pickedUp += 1;
        kept[c] = chosen;
        keptNow += chosen;
      }
    }

    /** Marks the squares that a cluster reaches, with room to drift. */
    function tell(c: number): void {
      const reachPx = radius + driftPx;
      const left = Math.max(0, Math.floor(centres[2 * c]! - reachPx) >> cellBits);
      const right = Math.min(columns - 1, Math.floor(centres[2 * c]! + reachPx) >> cellBits);
      const top = Math.max(0, Math.floor(centres[2 * c + 1]! - reachPx) >> cellBits);
      const bottom = Math.min(rows - 1, Math.floor(centres[2 * c + 1]! + reachPx) >> cellBits);
      for (let row = top; row <= bottom; row++)
        for (let cell = row * columns + left; cell <= row * columns + right; cell++)
          nearby[cell] = nearby[cell]! | (1 << c);
      told[2 * c] = centres[2 * c]!;
      told[2 * c + 1] = centres[2 * c + 1]!;
    }

    function joinNear(): void {
      for (let a = 0; a < used; a++)
        for (let b = a + 1; b < used; b++) {
          const [massA, massB] = [masses[a]!, masses[b]!];
          if (massA === 0 || massB === 0) continue;
          if (
            Math.abs(centres[2 * a]! - centres[2 * b]!) > radius ||
            Math.abs(centres[2 * a + 1]! - centres[2 * b + 1]!) > radius
          )
            continue;
          const share = massB / (massA + massB);
          centres[2 * a] = centres[2 * a]! + share * (centres[2 * b]! - centres[2 * a]!);
          centres[2 * a + 1] = centres[2 * a + 1]! + share * (centres[2 * b + 1]! - centres[2 * a + 1]!);
          kept[a] = kept[a]! | kept[b]!;
          masses[a] = massA + massB;
          masses[b] = 0;
        }
    }

    /** Appends those of events `from` to `to` that pass, all before the next judgement. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let end = out.count;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const x = (address >>> 1) & 0x7fff;
        const y = address >>> 16;
        let nearest = -1;
        let nearestPx = radius;
        const cell = (y >> cellBits) * columns + (x >> cellBits);
        for (let may = nearby[cell]!; may !== 0; may &= may - 1) {
          const c = 31 - Math.clz32(may & -may);
          const awayXPx = Math.abs(centres[2 * c]! - x);
          const awayYPx = Math.abs(centres[2 * c + 1]! - y);
          if (awayXPx > nearestPx || awayYPx > nearestPx) continue;
          nearestPx = Math.max(awayXPx, awayYPx);
          nearest = c;
        }
        const grown = at((timeUs - originUs) | 0);
        if (nearest < 0) {
          if (used === clustersMax) continue;
          centres[2 * used] = x;
          centres[2 * used + 1] = y;
          masses[used] = grown;
          kept[used] = 0;
          tell(used);
          used += 1;
          continue;
        }
        centres[2 * nearest] = centres[2 * nearest]! + mixing * (x - centres[2 * nearest]!);
        centres[2 * nearest + 1] = centres[2 * nearest + 1]! + mixing * (y - centres[2 * nearest + 1]!);
        masses[nearest] = masses[nearest]! + grown;
        const driftedX = Math.abs(centres[2 * nearest]! - told[2 * nearest]!);
        if (driftedX > driftPx || Math.abs(centres[2 * nearest + 1]! - told[2 * nearest + 1]!) > driftPx)
          tell(nearest);
        out.times[end] = timeUs;
        out.addresses[end] = address;
        end += kept[nearest]!;
      }
      out.count = end;
    }

    /** As `plain`, which does what a kernel leaves: an event that begins a cluster, or lets one drift too far. */
    function withKernel({
      call,
      timesAt,
      addressesAt,
      take,
      give,
    }: NonNullable<typeof kernel>): typeof plain {
      return (packet, from, to) => {
        let stride = used === clustersMax ? batchEvents : strideMin;
        for (let i = from; i < to; ) {
          const count = take(packet, i, Math.min(to, i + stride));
          passed[0] = 0;
          const done = call.clusters(
            timesAt,
            addressesAt,
            count,
            originUs,
            shared.fine.byteOffset,
            shared.coarse.byteOffset,
            nearby.byteOffset,
            columns,
            centres.byteOffset,
            told.byteOffset,
            masses.byteOffset,
            kept.byteOffset,
            used === clustersMax ? 1 : 0,
            radius,
            mixing,
            passed.byteOffset,
          );
          give(out, passed[0]!);
          i += done;
          stride *= 2;
          if (done === count) continue;
          plain(packet, i, i + 1);
          i += 1;
          // The next one that begins a cluster isn't far, if there is room for one.
          stride = used === clustersMax ? batchEvents : strideMin;
        }
      };
    }

    const run = kernel ? withKernel(kernel) : plain;

    return {
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          if (times[from]! >= nextJudgeUs) judge(times[from]!);
          const to = indexAtOrAfter(packet, nextJudgeUs);
          run(packet, from, to);
          from = to;
        }
        dropped += count - out.count;
        return out;
      },
      counts: () => ({
        "dropped outside the clusters": dropped,
        "clusters at the end": keptNow,
        "clusters picked up": pickedUp,
      }),
    };
  },
});

/** Sorts the clusters by mass, the heaviest first (insertion: they hardly move), and answers how many have one. */
function gathered(centres: Float64Array, masses: Float64Array, kept: Uint8Array, used: number): number {
  for (let c = 1; c < used; c++) {
    const [x, y, mass, keptOne] = [centres[2 * c]!, centres[2 * c + 1]!, masses[c]!, kept[c]!];
    let to = c;
    for (; to > 0 && masses[to - 1]! < mass; to--) {
      centres[2 * to] = centres[2 * to - 2]!;
      centres[2 * to + 1] = centres[2 * to - 1]!;
      masses[to] = masses[to - 1]!;
      kept[to] = kept[to - 1]!;
    }
    centres[2 * to] = x;
    centres[2 * to + 1] = y;
    masses[to] = mass;
    kept[to] = keptOne;
  }
  let left = used;
  while (left > 0 && masses[left - 1] === 0) left -= 1;
  return left;
}
