/** The kernels of this room, in WebAssembly; each `*.kernel.ts` tells what it takes and answers. */

import { RoomKernels } from "../room-kernels.ts";
import { wasm } from "./kernels.wasm.ts";

interface Exports {
  surfaceThreshold(
    times: number,
    addresses: number,
    count: number,
    originUs: number,
    fine: number,
    coarse: number,
    traces: number,
    radius: number,
    stride: number,
    onPlane: number,
    sumMin: number,
    sumMax: number,
  ): number;
  corners(
    times: number,
    addresses: number,
    count: number,
    baseUs: number,
    latest: number,
    edges: number,
    coarse: number,
    width: number,
    height: number,
    repeatUs: number,
    wide: number,
    smallRing: number,
    largeRing: number,
    state: number,
    room: number,
  ): number;
  lineVotes(
    times: number,
    addresses: number,
    count: number,
    untilVote: number,
    voteEvery: number,
    originUs: number,
    fine: number,
    coarse: number,
    cosines: number,
    sines: number,
    angles: number,
    votes: number,
    offsets: number,
    lessX: number,
    lessY: number,
    cosine: number,
    sine: number,
    offset: number,
    distance: number,
  ): number;
  strongest(votes: number, count: number, least: number): number;
  clusters(
    times: number,
    addresses: number,
    count: number,
    originUs: number,
    fine: number,
    coarse: number,
    nearby: number,
    columns: number,
    centres: number,
    told: number,
    masses: number,
    kept: number,
    full: number,
    radius: number,
    mixing: number,
    passed: number,
  ): number;
}

export const filterKernels = new RoomKernels<Exports>(wasm);
