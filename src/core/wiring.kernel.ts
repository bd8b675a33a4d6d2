/**
 * As `wiring-float32.ts`, to the bit: projections as loops over rows by source. A product and a sum round each for
 * itself (WebAssembly fuses none), so four lanes give what one does.
 */

import { Layer } from "./layer.kernel";
import { allocate } from "./memory.kernel";

export const enum Pattern {
  dense8,
  dense32,
  convolution8,
  convolution32,
  grouped32,
  sparse8,
  sparse32,
  toOne32,
}

/** All synapses of a projection that share a delay. What each field holds depends on the pattern. */
@unmanaged
export class Group {
  pattern: i32;
  /** Index of the population whose spikes it carries. */
  from: i32;
  delayUs: f64;
  /** Its place among the cursors of the delay line. */
  cursor: i32;
  /** What a weight of 1 is worth, for 8-bit weights. */
  weightScale: f64;
  /** Rows of weights; of a sparse group its synapses. */
  weights: usize;
  /** Of a sparse group, where each source's synapses start; of a one-to-one, the slot of each source. */
  table: usize;
  /** Of a convolution. */
  plan: usize;
}

/** How a convolution goes (`ConvolutionPlan`), with `first` and `tap` as offsets in slots and weights. */
@unmanaged
export class Plan {
  sourcePlane: i32;
  sourceWidth: i32;
  /** For each row, then for each column, of the source: first slot, first weight, count. */
  rows: usize;
  columns: usize;
  rowSlots: i32;
  rowWeights: i32;
  columnSlots: i32;
  columnWeights: i32;
  /** Weights from one channel of the source to the next, within its group. */
  channelWeights: i32;
  channelsIn: i32;
  channelsOut: i32;
  /** Slots of one place that are added to: channelsOut, or a multiple of 4 from it up. */
  run: i32;
}

export function createGroup(pattern: i32, from: i32, delayUs: f64, weightScale: f64): usize {
  const at = allocate(offsetof<Group>());
  if (!at) return 0;
  const group = changetype<Group>(at);
  group.pattern = pattern;
  group.from = from;
  group.delayUs = delayUs;
  group.weightScale = weightScale;
  return at;
}

export function setCursor(at: usize, cursor: i32): void {
  changetype<Group>(at).cursor = cursor;
}

export function setRows(at: usize, weights: usize, table: usize, plan: usize): void {
  const group = changetype<Group>(at);
  group.weights = weights;
  group.table = table;
  group.plan = plan;
}

export function createPlan(
  sourcePlane: i32,
  sourceWidth: i32,
  rows: usize,
  columns: usize,
  rowSlots: i32,
  rowWeights: i32,
  columnSlots: i32,
  columnWeights: i32,
  channelWeights: i32,
  channelsIn: i32,
  channelsOut: i32,
  run: i32,
): usize {
  const at = allocate(offsetof<Plan>());
  if (!at) return 0;
  const plan = changetype<Plan>(at);
  plan.sourcePlane = sourcePlane;
  plan.sourceWidth = sourceWidth;
  plan.rows = rows;
  plan.columns = columns;
  plan.rowSlots = rowSlots;
  plan.rowWeights = rowWeights;
  plan.columnSlots = columnSlots;
  plan.columnWeights = columnWeights;
  plan.channelWeights = channelWeights;
  plan.channelsIn = channelsIn;
  plan.channelsOut = channelsOut;
  plan.run = run;
  return at;
}

/** Adds the rows of `count` sources and answers how many synaptic operations that took. */
export function deliver(group: Group, sources: usize, count: i32, layer: Layer): f64 {
  const worth = <f32>(layer.scale * group.weightScale);
  switch (group.pattern) {
    case Pattern.dense8:
      return dense8(group, sources, count, layer, worth);
    case Pattern.dense32:
      return dense32(group, sources, count, layer, worth);
    case Pattern.convolution8:
      return convolution<i8>(group, sources, count, layer, worth);
    case Pattern.convolution32:
      return convolution<f32>(group, sources, count, layer, worth);
    case Pattern.grouped32:
      return grouped(group, sources, count, layer, worth);
    case Pattern.sparse8:
      return sparse8(group, sources, count, layer, worth);
    case Pattern.sparse32:
      return sparse32(group, sources, count, layer, worth);
    default:
      return toOne(group, sources, count, layer, worth);
  }
}

function dense8(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const slots = layer.slots;
  const factor = f32x4.splat(worth);
  let most = f32x4.splat(-Infinity);
  for (let k = 0; k < count; k++) {
    const row = group.weights + <usize>load<u32>(sources + (<usize>k << 2)) * slots;
    most = addRow8(layer.charge, row, slots, factor, most);
  }
  note(layer, most);
  return <f64>count * layer.size;
}

function dense32(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const slots = layer.slots;
  const factor = f32x4.splat(worth);
  let most = f32x4.splat(-Infinity);
  for (let k = 0; k < count; k++) {
    const row = group.weights + ((<usize>load<u32>(sources + (<usize>k << 2)) * slots) << 2);
    most = addRow32(layer.charge, row, slots, factor, most);
  }
  note(layer, most);
  return <f64>count * layer.size;
}

/** After rows that reach all neurons: whether one of them is at the ceiling, and so all are to be tested. */
// @ts-ignore: decorator
@inline
function note(layer: Layer, most: v128): void {
  if (v128.any_true(f32x4.ge(most, f32x4.splat(layer.ceiling)))) layer.candidateCount = layer.size + 1;
}

// @ts-ignore: decorator
@inline
function addRow8(charge: usize, row: usize, slots: i32, factor: v128, before: v128): v128 {
  let most = before;
  const end = row + slots;
  for (let at = charge, weights = row; weights < end; weights += 16, at += 64) {
    const bytes = v128.load(weights);
    const low = i16x8.extend_low_i8x16_s(bytes);
    const high = i16x8.extend_high_i8x16_s(bytes);
    const a = charged(at, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), factor);
    const b = charged(at + 16, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), factor);
    const c = charged(at + 32, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), factor);
    const d = charged(at + 48, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), factor);
    most = f32x4.pmax(most, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
  }
  return most;
}

// @ts-ignore: decorator
@inline
function addRow32(charge: usize, row: usize, slots: i32, factor: v128, before: v128): v128 {
  let most = before;
  const end = row + (<usize>slots << 2);
  for (let at = charge, weights = row; weights < end; weights += 64, at += 64) {
    const a = charged(at, v128.load(weights), factor);
    const b = charged(at + 16, v128.load(weights, 16), factor);
    const c = charged(at + 32, v128.load(weights, 32), factor);
    const d = charged(at + 48, v128.load(weights, 48), factor);
    most = f32x4.pmax(most, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
  }
  return most;
}

/** Four synaptic operations. */
// @ts-ignore: decorator
@inline
function charged(at: usize, weights: v128, factor: v128): v128 {
  const sum = f32x4.add(v128.load(at), f32x4.mul(weights, factor));
  v128.store(at, sum);
  return sum;
}

/** One synaptic operation. */
// @ts-ignore: decorator
@inline
function add(layer: Layer, charge: usize, ceiling: f32, slot: u32, product: f32): void {
  const at = charge + (<usize>slot << 2);
  const sum = load<f32>(at) + product;
  store<f32>(at, sum);
  if (sum >= ceiling) keep(layer, slot);
}

function keep(layer: Layer, slot: u32): void {
  const found = layer.candidateCount;
  if (found < layer.size) store<u32>(layer.candidates + (<usize>found << 2), slot);
  layer.candidateCount = found + 1;
}

/** Channels last: what one place of the kernel adds to one place of the target lies together, in steps of 4. */
function convolution<T extends number>(
  group: Group,
  sources: usize,
  count: i32,
  layer: Layer,
  worth: f32,
): f64 {
  const plan = changetype<Plan>(group.plan);
  const size: i32 = sizeof<T>();
  const run = plan.run;
  const columnSlots = plan.columnSlots << 2;
  const columnWeights = plan.columnWeights * size;
  const factor = f32x4.splat(worth);
  const ceiling = f32x4.splat(layer.ceiling);
  let places = 0;
  for (let k = 0; k < count; k++) {
    const source = load<u32>(sources + (<usize>k << 2));
    const channel = source / plan.sourcePlane;
    const place = source - channel * plan.sourcePlane;
    const row = place / plan.sourceWidth;
    const rowAt = plan.rows + <usize>row * 12;
    const columnAt = plan.columns + <usize>(place - row * plan.sourceWidth) * 12;
    const rowCount = load<i32>(rowAt, 8);
    const columnCount = load<i32>(columnAt, 8);
    let slot = load<i32>(rowAt) + load<i32>(columnAt);
    let weight = channel * plan.channelWeights + load<i32>(rowAt, 4) + load<i32>(columnAt, 4);
    places += rowCount * columnCount;
    for (let i = 0; i < rowCount; i++) {
      let at = layer.charge + (<usize>slot << 2);
      let weights = group.weights + <usize>(weight * size);
      for (let j = 0; j < columnCount; j++) {
        const most = addPlace<T>(at, weights, run, factor);
        if (v128.any_true(f32x4.ge(most, ceiling))) keepPlace(layer, slot + j * plan.columnSlots, run);
        at += columnSlots;
        weights -= columnWeights;
      }
      slot += plan.rowSlots;
      weight -= plan.rowWeights;
    }
  }
  return <f64>places * plan.channelsOut;
}

// @ts-ignore: decorator
@inline
function addPlace<T extends number>(charge: usize, row: usize, run: i32, factor: v128): v128 {
  let most = f32x4.splat(-Infinity);
  let at = charge;
  const end = charge + (<usize>run << 2);
  if (sizeof<T>() == 4) {
    for (let weights = row; at < end; at += 16, weights += 16)
      most = f32x4.pmax(most, charged(at, v128.load(weights), factor));
    return most;
  }
  let weights = row;
  for (; at + 64 <= end; at += 64, weights += 16) most = addRow8(at, weights, 16, factor, most);
  for (; at < end; at += 16, weights += 4) {
    const low = i16x8.extend_low_i8x16_s(v128.load32_zero(weights));
    const sum = charged(at, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), factor);
    most = f32x4.pmax(most, sum);
  }
  return most;
}

function keepPlace(layer: Layer, slot: i32, run: i32): void {
  for (let n = slot; n < slot + run; n++)
    if (load<f32>(layer.charge + (<usize>n << 2)) >= layer.ceiling) keep(layer, n);
}

/** A convolution whose channels are in groups: one by one. */
function grouped(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const plan = changetype<Plan>(group.plan);
  const charge = layer.charge;
  const ceiling = layer.ceiling;
  const stride = layer.padded ? 1 : layer.plane;
  let places = 0;
  for (let k = 0; k < count; k++) {
    const source = load<u32>(sources + (<usize>k << 2));
    const channel = source / plan.sourcePlane;
    const place = source - channel * plan.sourcePlane;
    const row = place / plan.sourceWidth;
    const rowAt = plan.rows + <usize>row * 12;
    const columnAt = plan.columns + <usize>(place - row * plan.sourceWidth) * 12;
    const rowCount = load<i32>(rowAt, 8);
    const columnCount = load<i32>(columnAt, 8);
    const firstOut = (channel / plan.channelsIn) * plan.channelsOut;
    let slotRow = load<i32>(rowAt) + load<i32>(columnAt) + firstOut * stride;
    let weightRow = channel * plan.channelWeights + load<i32>(rowAt, 4) + load<i32>(columnAt, 4);
    places += rowCount * columnCount;
    for (let i = 0; i < rowCount; i++) {
      let first = slotRow;
      let weights = weightRow;
      for (let j = 0; j < columnCount; j++) {
        for (let c = 0; c < plan.channelsOut; c++) {
          const weight = load<f32>(group.weights + (<usize>(weights + c) << 2));
          add(layer, charge, ceiling, first + c * stride, weight * worth);
        }
        first += plan.columnSlots;
        weights -= plan.columnWeights;
      }
      slotRow += plan.rowSlots;
      weightRow -= plan.rowWeights;
    }
  }
  return <f64>places * plan.channelsOut;
}

/** A synapse is a word: 24 bits of slot, 8 bits of weight. */
function sparse8(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const charge = layer.charge;
  const ceiling = layer.ceiling;
  let operations = 0;
  for (let k = 0; k < count; k++) {
    const start = group.table + (<usize>load<u32>(sources + (<usize>k << 2)) << 2);
    const first = load<u32>(start);
    const end = load<u32>(start, 4);
    const last = group.weights + (<usize>end << 2);
    for (let at = group.weights + (<usize>first << 2); at < last; at += 4) {
      const synapse = load<i32>(at);
      add(layer, charge, ceiling, synapse >>> 8, <f32>((synapse << 24) >> 24) * worth);
    }
    operations += end - first;
  }
  return operations;
}

/** A synapse is two words: slot, float32 weight. */
function sparse32(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const charge = layer.charge;
  const ceiling = layer.ceiling;
  let operations = 0;
  for (let k = 0; k < count; k++) {
    const start = group.table + (<usize>load<u32>(sources + (<usize>k << 2)) << 2);
    const first = load<u32>(start);
    const end = load<u32>(start, 4);
    const last = group.weights + (<usize>end << 3);
    for (let at = group.weights + (<usize>first << 3); at < last; at += 8)
      add(layer, charge, ceiling, load<u32>(at), load<f32>(at, 4) * worth);
    operations += end - first;
  }
  return operations;
}

/** One target for each source: pools and one-to-one. */
function toOne(group: Group, sources: usize, count: i32, layer: Layer, worth: f32): f64 {
  const charge = layer.charge;
  const ceiling = layer.ceiling;
  for (let k = 0; k < count; k++) {
    const offset = <usize>load<u32>(sources + (<usize>k << 2)) << 2;
    add(layer, charge, ceiling, load<u32>(group.table + offset), load<f32>(group.weights + offset) * worth);
  }
  return count;
}
