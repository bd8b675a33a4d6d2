/** The kernel of this room, in WebAssembly; `optical-flow.kernel.ts` tells what it takes and answers. */

import { RoomKernels } from "../room-kernels.ts";
import { wasm } from "./kernels.wasm.ts";

interface Exports {
  moveBase(last: number, count: number, by: number): void;
  opticalFlow(
    times: number,
    addresses: number,
    count: number,
    baseUs: number,
    unitBits: number,
    last: number,
    stride: number,
    planeSize: number,
    room: number,
    window: number,
    support: number,
    slopeMinUs: number,
    slopeMaxUs: number,
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
