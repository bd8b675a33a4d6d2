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
    room: number,
    windowUs: number,
    support: number,
    slopeMin: number,
    slopeMax: number,
    directions: number,
    edges: number,
    before: number,
    bands: number,
    bandCount: number,
    cells: number,
    rowOf: number,
    columnOf: number,
  ): number;
}

export const encoderKernels = new RoomKernels<Exports>(wasm);
