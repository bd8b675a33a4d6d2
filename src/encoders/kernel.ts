/** The kernel of this room, in WebAssembly; `optical-flow.kernel.ts` tells what it takes and answers. */

import { RoomKernels } from "../webassembly.ts";
import { wasm } from "./kernels.wasm.ts";

interface Exports {
  opticalFlow(
    times: number,
    addresses: number,
    count: number,
    baseUs: number,
    lastUs: number,
    stride: number,
    planeSize: number,
    sums: number,
    windowUs: number,
    support: number,
    slopeMin: number,
    slopeMax: number,
    directions: number,
    directionsPerRadian: number,
    bands: number,
    bandCount: number,
    cells: number,
    rowOf: number,
    columnOf: number,
    doubtful: number,
    doubtfulSlopes: number,
    doubts: number,
  ): number;
}

export const encoderKernels = new RoomKernels<Exports>(wasm);
