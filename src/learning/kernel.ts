/** The kernels of this room, in WebAssembly; each `*.kernel.ts` tells what it takes and leaves. */

import { RoomKernels } from "../room-kernels.ts";
import { wasm } from "./kernels.wasm.ts";

type DenseRun = (
  weights: number,
  starts: number,
  ids: number,
  values: number,
  from: number,
  to: number,
  neurons: number,
  later: number,
  size: number,
) => void;

export interface LearningCalls {
  readonly denseForward: DenseRun;
  readonly denseLearn: DenseRun;
  denseBack(weights: number, error: number, into: number, lift: number, sources: number, size: number): void;
  lineLearn(
    weights: number,
    early: number,
    late: number,
    gradient: number,
    part: number,
    size: number,
  ): number;
  lifForward(
    drive: number,
    u: number,
    out: number,
    v: number,
    rate: number,
    gain: number,
    threshold: number,
    subtracts: number,
    size: number,
  ): void;
  lifBackward(
    u: number,
    out: number,
    errorOut: number,
    errorIn: number,
    errorV: number,
    rate: number,
    gain: number,
    threshold: number,
    inverse: number,
    subtracts: number,
    size: number,
  ): void;
}

export const learningKernels = new RoomKernels<LearningCalls>(wasm);
