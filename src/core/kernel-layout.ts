/** A network in the memory of a kernel: layers, delay lines and groups, in the forms that its loops want. */

import type { NeuronGeometry } from "../events/geometry.ts";
import {
  type ConvolutionProjection,
  type DenseProjection,
  type Network,
  type Population,
  type Projection,
  poolTargets,
  type SparseProjection,
  type WindowProjection,
} from "../network/index.ts";
import { type AxisPlan, planConvolution } from "./convolution-plan.ts";
import { type Frame, scaledFrame } from "./frame.ts";
import type { Kernel } from "./kernel.ts";
import { rowsByDelay } from "./wiring.ts";
import { weights32 } from "./wiring-float32.ts";

/** As `Pattern` of `wiring.kernel.ts`. */
const patterns = {
  dense8: 0,
  dense32: 1,
  convolution8: 2,
  convolution32: 3,
  grouped32: 4,
  sparse8: 5,
  sparse32: 6,
  toOne32: 7,
} as const;

/** One population, and where it lies. */
export interface PlacedLayer {
  readonly at: number;
  readonly population: Population;
  readonly frame: Frame | undefined;
  readonly slots: Slots;
  /** Its delay line, 0 for none. */
  readonly line: number;
}

/** Where the charges of a population lie (`layer.kernel.ts`). */
interface Slots {
  readonly count: number;
  readonly padded: number;
  of(id: number): number;
}

interface PlacedGroup {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly delayUs: number;
}

/** Lays the network out and tells the kernel. Throws KernelFull for one that is too large. */
export function layOut(
  kernel: Kernel,
  network: Network,
  bounds: { readonly spikesPerMsMax: number; readonly delayLineMax: number },
): { layers: PlacedLayer[]; delayedCount: number } {
  const slots = network.populations.map((population, p) => slotsOf(network, population, p));
  const groups = network.projections.flatMap((projection) =>
    placeGroups(kernel, network, projection, slots[projection.to]!),
  );
  const order = (some: readonly PlacedGroup[]) =>
    network.populations.flatMap((_, to) => some.filter((group) => group.to === to));
  const direct = order(groups.filter(({ delayUs }) => delayUs === 0));
  const delayed = order(groups.filter(({ delayUs }) => delayUs > 0));
  const layers = network.populations.map((population, p): PlacedLayer => {
    const readers = [...delayed.keys()].filter((index) => delayed[index]!.from === p);
    for (const [cursor, index] of readers.entries()) kernel.call.setCursor(delayed[index]!.at, cursor);
    const line =
      readers.length > 0
        ? kernel.placed(
            kernel.call.createLine(
              readers.length,
              kernel.store(Uint32Array.from(readers)),
              bounds.delayLineMax,
            ),
          )
        : 0;
    return { ...placeLayer(kernel, population, slots[p]!), line };
  });
  for (const [p, { at, line }] of layers.entries()) {
    const range = (some: readonly PlacedGroup[]) =>
      [some.filter(({ to }) => to < p).length, some.filter(({ to }) => to <= p).length] as const;
    kernel.call.setGroups(at, line, ...range(direct), ...range(delayed));
  }
  const table = (some: readonly { at: number }[]) => kernel.store(Uint32Array.from(some, ({ at }) => at));
  kernel.placed(
    kernel.call.setNetwork(
      table(layers),
      layers.length,
      network.input,
      network.output,
      table(direct),
      table(delayed),
      delayed.length,
      bounds.spikesPerMsMax,
    ),
  );
  return { layers, delayedCount: delayed.length };
}

function placeLayer(kernel: Kernel, population: Population, slots: Slots): Omit<PlacedLayer, "line"> {
  const { size, geometry, neuron } = population;
  if (neuron && neuron.model !== "jump") throw new RangeError(`"${population.name}" is a ${neuron.model}`);
  const frame = neuron && scaledFrame(neuron, "float32");
  const at = kernel.placed(
    kernel.call.createLayer(
      size,
      neuron ? slots.count : 0,
      slots.padded,
      geometry.height * geometry.width,
      neuron?.tauUs ?? Infinity,
      neuron?.refractoryUs ?? 0,
      frame?.threshold ?? Infinity,
      frame?.reset ?? 0,
      frame?.frameLengthUs ?? 1,
    ),
  );
  if (frame) {
    const registers = new Float64Array(kernel.buffer, kernel.call.readLayer(at), 16);
    new Float64Array(kernel.buffer, registers[9]!, frame.fine.length).set(frame.fine);
    new Float64Array(kernel.buffer, registers[10]!, frame.coarse.length).set(frame.coarse);
  }
  return { at, population, frame, slots };
}

/** Channels last where an ordinary convolution leads in, with 4, 8, 12 ... of them; else by id. */
function slotsOf(network: Network, { size, geometry }: Population, p: number): Slots {
  const round = (count: number, step: number) => Math.ceil(count / step) * step;
  const isLast = network.projections.some(
    (projection) => projection.to === p && isOrdinary(projection) && geometry.channels > 1,
  );
  if (!isLast) return { count: round(size, 16), padded: 0, of: (id) => id };
  const plane = geometry.height * geometry.width;
  const padded = round(geometry.channels, 4);
  return {
    count: round(plane * padded, 16),
    padded,
    of: (id) => (id % plane) * padded + Math.floor(id / plane),
  };
}

/** A convolution in which each channel reaches all. */
function isOrdinary(projection: Projection): boolean {
  return projection.pattern === "convolution" && (projection.groups ?? 1) === 1;
}

function placeGroups(kernel: Kernel, network: Network, projection: Projection, slots: Slots): PlacedGroup[] {
  const from = network.populations[projection.from]!;
  const to = network.populations[projection.to]!;
  const { values, scale } = weights32(projection);
  const group = (pattern: number, delayUs: number, weights: number, table: number, plan: number) => {
    const at = kernel.placed(kernel.call.createGroup(pattern, projection.from, delayUs, scale));
    kernel.call.setRows(at, weights, table, plan);
    return { at, from: projection.from, to: projection.to, delayUs };
  };
  switch (projection.pattern) {
    case "dense":
      return [denseGroup(kernel, projection, from.size, to.size, slots, group)];
    case "one-to-one":
    case "pool": {
      const targets =
        projection.pattern === "pool"
          ? poolTargets(from.geometry, to.geometry)
          : [...Array(from.size).keys()];
      const weights = Float32Array.from({ length: from.size }, (_, id) => values[id % values.length]!);
      const table = kernel.store(Uint32Array.from(targets, (id) => slots.of(id)));
      return [group(patterns.toOne32, projection.delayUs, kernel.store(weights), table, 0)];
    }
    case "sparse":
      return sparseGroups(kernel, projection, from.size, slots, group);
    case "convolution":
    case "window":
      return [convolutionGroup(kernel, projection, from.geometry, to.geometry, slots, group)];
  }
}

type MakeGroup = (
  pattern: number,
  delayUs: number,
  weights: number,
  table: number,
  plan: number,
) => PlacedGroup;

/** Rows as long as the target has slots. */
function denseGroup(
  kernel: Kernel,
  projection: DenseProjection,
  sources: number,
  targets: number,
  slots: Slots,
  group: MakeGroup,
): PlacedGroup {
  const { values } = weights32(projection);
  const kind = values instanceof Int8Array ? Int8Array : Float32Array;
  const at = kernel.allocate(sources * slots.count * kind.BYTES_PER_ELEMENT);
  const rows = new kind(kernel.buffer, at, sources * slots.count);
  for (let source = 0; source < sources; source++)
    for (let id = 0; id < targets; id++)
      rows[source * slots.count + slots.of(id)] = values[source * targets + id]!;
  const pattern = values instanceof Int8Array ? patterns.dense8 : patterns.dense32;
  return group(pattern, projection.delayUs, at, 0, 0);
}

/** A synapse with an 8-bit weight is one word, and with a float32 two. */
function sparseGroups(
  kernel: Kernel,
  projection: SparseProjection,
  sources: number,
  slots: Slots,
  group: MakeGroup,
): PlacedGroup[] {
  const { values } = weights32(projection);
  return rowsByDelay(projection, sources).map(({ delayUs, starts, synapses }) => {
    const table = kernel.store(starts);
    if (values instanceof Int8Array) {
      const words = synapses.map((k) => (slots.of(projection.targets[k]!) << 8) | (values[k]! & 0xff));
      return group(patterns.sparse8, delayUs, kernel.store(words), table, 0);
    }
    const words = new Uint32Array(synapses.length * 2);
    const weights = new Float32Array(words.buffer);
    for (const [n, k] of synapses.entries()) {
      words[2 * n] = slots.of(projection.targets[k]!);
      weights[2 * n + 1] = values[k]!;
    }
    return group(patterns.sparse32, delayUs, kernel.store(words), table, 0);
  });
}

/** Weights as [channel in][tap][channel out of the group]. */
function convolutionGroup(
  kernel: Kernel,
  projection: ConvolutionProjection | WindowProjection,
  from: NeuronGeometry,
  to: NeuronGeometry,
  slots: Slots,
  group: MakeGroup,
): PlacedGroup {
  const { values } = weights32(projection);
  const { y, x, taps, channelsIn, channelsOut } = planConvolution(projection, from, to);
  const isLast = isOrdinary(projection) && slots.padded > 0;
  const isBytes = isLast && values instanceof Int8Array;
  const run = isLast ? slots.padded : channelsOut;
  const weights = new (isBytes ? Int8Array : Float32Array)(from.channels * taps * run);
  for (let channelIn = 0; channelIn < from.channels; channelIn++) {
    const firstOut = Math.floor(channelIn / channelsIn) * channelsOut;
    for (let tap = 0; tap < taps; tap++)
      for (let c = 0; c < channelsOut; c++) {
        const row = (firstOut + c) * channelsIn + (channelIn % channelsIn);
        weights[(channelIn * taps + tap) * run + c] =
          values[projection.pattern === "window" ? 0 : row * taps + tap]!;
      }
  }
  /** Slots from one place to the next, and weights from one tap to the next, in this axis. */
  const place = slots.padded || 1;
  const axis = ({ first, tap, count }: AxisPlan, slotStep: number, weightStep: number) =>
    kernel.store(
      Int32Array.from({ length: 3 * count.length }, (_, k) => {
        const at = Math.floor(k / 3);
        return [first[at]! * slotStep, tap[at]! * weightStep, count[at]!][k % 3]!;
      }),
    );
  const rowSlots = to.width * place;
  const rowWeights = projection.kernel[1] * run;
  const plan = kernel.placed(
    kernel.call.createPlan(
      from.height * from.width,
      from.width,
      axis(y, rowSlots, rowWeights),
      axis(x, place, run),
      y.step * rowSlots,
      y.tapStep * rowWeights,
      x.step * place,
      x.tapStep * run,
      taps * run,
      channelsIn,
      channelsOut,
      run,
    ),
  );
  const [wide, narrow] = [patterns.convolution32, patterns.convolution8];
  const pattern = isLast ? (isBytes ? narrow : wide) : patterns.grouped32;
  return group(pattern, projection.delayUs, kernel.store(weights), 0, plan);
}
