/** Where the spikes of a convolution's source go: by row and by column, so that no spike divides. */

import type { NeuronGeometry } from "../events/geometry.ts";
import type { ConvolutionProjection, WindowProjection } from "../network/index.ts";

/**
 * One axis: a spike at place p of the source reaches `count[p]` places of the target, the first `first[p]` through tap
 * `tap[p]` of the kernel, each next one `step` further through the tap `tapStep` before.
 */
export interface AxisPlan {
  readonly first: Uint32Array;
  readonly tap: Uint32Array;
  readonly count: Uint32Array;
  readonly step: number;
  readonly tapStep: number;
}

export interface ConvolutionPlan {
  readonly y: AxisPlan;
  readonly x: AxisPlan;
  readonly taps: number;
  /** Channels of the source and of the target in one group. */
  readonly channelsIn: number;
  readonly channelsOut: number;
}

/** A window is a convolution whose groups have one channel each. */
export function planConvolution(
  projection: ConvolutionProjection | WindowProjection,
  from: NeuronGeometry,
  to: NeuronGeometry,
): ConvolutionPlan {
  const { pattern, kernel, stride, padding } = projection;
  const groups = pattern === "window" ? from.channels : (projection.groups ?? 1);
  const dilation = pattern === "window" ? [1, 1] : (projection.dilation ?? [1, 1]);
  const axis = (which: 0 | 1, source: number, target: number) =>
    planAxis(source, target, kernel[which], stride[which], padding[which], dilation[which]!);
  return {
    y: axis(0, from.height, to.height),
    x: axis(1, from.width, to.width),
    taps: kernel[0] * kernel[1],
    channelsIn: from.channels / groups,
    channelsOut: to.channels / groups,
  };
}

/** target t sums tap k * source (t * stride + k * dilation - padding). */
function planAxis(
  source: number,
  target: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): AxisPlan {
  const first = new Uint32Array(source);
  const tap = new Uint32Array(source);
  const count = new Uint32Array(source);
  for (let place = 0; place < source; place++) {
    const padded = place + padding;
    const least = Math.max(0, Math.ceil((padded - (kernel - 1) * dilation) / stride));
    for (let t = least; t < target && t * stride <= padded; t++) {
      const offset = padded - t * stride;
      if (offset % dilation !== 0) continue;
      if (count[place] === 0) {
        first[place] = t;
        tap[place] = offset / dilation;
      }
      count[place]! += 1;
    }
  }
  const common = greatestCommonDivisor(stride, dilation);
  return { first, tap, count, step: dilation / common, tapStep: stride / common };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
