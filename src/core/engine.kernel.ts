/** As `engine.ts` in float32, to the bit of every charge and the ledger: the whole loop, so that no event crosses over. */

import { Line, push } from "./delay-line.kernel";
import { fire, Layer, moveTo } from "./layer.kernel";
import { allocate, read, registers, write } from "./memory.kernel";
import { sort } from "./sort.kernel";
import { deliver, Group } from "./wiring.kernel";

/** Of the input's packet: f64 times, u32 ids. */
let times: usize = 0;
let ids: usize = 0;
let packetCount: i32 = 0;
let next: i32 = 0;
/** Of the output: likewise. */
let outTimes: usize = 0;
let outIds: usize = 0;
let outMax: i32 = 0;
let outCount: i32 = 0;

let layers: usize = 0;
let layerCount: i32 = 0;
let inputIndex: i32 = 0;
let outputIndex: i32 = 0;
let inputSize: u32 = 0;
let direct: usize = 0;
let delayed: usize = 0;
let dueUs: usize = 0;
let delayedCount: i32 = 0;
let sorted: usize = 0;
let spikesPerMsMax: f64 = 0;

let nextDueUs: f64 = Infinity;
let windowMs: f64 = NaN;
let windowSpikes: f64 = 0;

let inputSpikes: f64 = 0;
let spikes: f64 = 0;
let synapticOperations: f64 = 0;
let neuronUpdates: f64 = 0;
let outOfRange: f64 = 0;
let runaway: f64 = 0;
let delayLineFull: f64 = 0;

// @ts-ignore: decorator
@inline
function layerAt(p: i32): Layer {
  return changetype<Layer>(load<usize>(layers + (<usize>p << 2)));
}

// @ts-ignore: decorator
@inline
function groupAt(table: usize, index: i32): Group {
  return changetype<Group>(load<usize>(table + (<usize>index << 2)));
}

/** Tables of pointers to what was created, in the network's order; `outputMax` is the least that an output may take. */
export function setNetwork(
  layersAt: usize,
  count: i32,
  input: i32,
  output: i32,
  directAt: usize,
  delayedAt: usize,
  groupCount: i32,
  spikesMax: f64,
): bool {
  layers = layersAt;
  layerCount = count;
  inputIndex = input;
  outputIndex = output;
  inputSize = layerAt(input).size;
  direct = directAt;
  delayed = delayedAt;
  delayedCount = groupCount;
  spikesPerMsMax = spikesMax;
  dueUs = allocate(<f64>groupCount * 8);
  for (let index = 0; index < groupCount; index++) store<f64>(dueUs + (<usize>index << 3), Infinity);
  outMax = outputSpikesMin + max(layerAt(output).size, 0);
  outTimes = allocate(<f64>outMax * 8);
  outIds = allocate(<f64>outMax * 4);
  return dueUs != 0 && outTimes != 0 && outIds != 0;
}

const outputSpikesMin: i32 = 1 << 12;

export function setGroups(layer: usize, line: usize, directFrom: i32, directTo: i32, delayedFrom: i32, delayedTo: i32): void {
  const at = changetype<Layer>(layer);
  at.line = changetype<Line | null>(line);
  at.directFrom = directFrom;
  at.directTo = directTo;
  at.delayedFrom = delayedFrom;
  at.delayedTo = delayedTo;
}

/** Room for a packet of so many spikes. */
export function setInput(timesAt: usize, idsAt: usize, sortedAt: usize): void {
  times = timesAt;
  ids = idsAt;
  sorted = sortedAt;
}

export function begin(count: i32): void {
  packetCount = count;
  next = 0;
}

/** Works until `toUs` or until the output is full; answers whether it came to the end. The output has `outputCount`. */
export function run(toUs: f64): bool {
  outCount = 0;
  const outputSize = layerAt(outputIndex).size;
  while (true) {
    const inputUs = next < packetCount ? load<f64>(times + (<usize>next << 3)) : Infinity;
    const timeUs = min(inputUs, nextDueUs);
    if (timeUs >= toUs) return true;
    if (outCount + outputSize > outMax) return false;
    let end = next;
    while (end < packetCount && load<f64>(times + (<usize>end << 3)) == timeUs) end += 1;
    takeInput(next, end);
    work(timeUs);
    next = end;
  }
}

/** Makes the spikes `from` to `to` of one microsecond the input's, in order and in range. */
function takeInput(from: i32, to: i32): void {
  const input = layerAt(inputIndex);
  const first = ids + (<usize>from << 2);
  const count = to - from;
  input.fired = first;
  input.firedCount = count;
  inputSpikes += count;
  let last: u32 = 0;
  for (let k = 0; k < count; k++) {
    const id = load<u32>(first + (<usize>k << 2));
    if (id < last || id >= inputSize) return sortInput(input, first, count);
    last = id;
  }
}

function sortInput(input: Layer, first: usize, count: i32): void {
  let kept = 0;
  for (let k = 0; k < count; k++) {
    const id = load<u32>(first + (<usize>k << 2));
    if (id >= inputSize) {
      outOfRange += 1;
      continue;
    }
    store<u32>(sorted + (<usize>kept << 2), id);
    kept += 1;
  }
  sort(sorted, kept);
  input.fired = sorted;
  input.firedCount = kept;
}

/** Delivers what delayed group `index` has due at `timeUs` and finds its next arrival. */
function arrive(index: i32, timeUs: f64, layer: Layer): f64 {
  const group = groupAt(delayed, index);
  const line = changetype<Line>(layerAt(group.from).line);
  const sentUs = timeUs - group.delayUs;
  const cursorAt = line.cursors + (<usize>group.cursor << 3);
  const first = load<i64>(cursorAt);
  const mask = line.mask;
  const timesUs = line.timesUs;
  const written = line.written;
  let end = first;
  let nextUs = Infinity;
  for (; end < written; end += 1) {
    const us = load<f64>(timesUs + (<usize>(end & mask) << 3));
    if (us == sentUs) continue;
    nextUs = us + group.delayUs;
    break;
  }
  const from = <i32>(first & mask);
  const to = from + <i32>(end - first);
  const whole = <i32>mask + 1;
  // In two parts where the ring wraps around.
  let operations = deliver(group, line.ids + (<usize>from << 2), min(to, whole) - from, layer);
  if (to > whole) operations += deliver(group, line.ids, to - whole, layer);
  store<i64>(cursorAt, end);
  store<f64>(dueUs + (<usize>index << 3), nextUs);
  return operations;
}

/** Sends the spikes that a layer has at this microsecond on their way. */
function send(layer: Layer, line: Line, timeUs: f64): void {
  for (let k = 0; k < layer.firedCount; k++)
    if (!push(line, timeUs, load<u32>(layer.fired + (<usize>k << 2)))) delayLineFull += 1;
  for (let reader = 0; reader < line.cursorCount; reader++) {
    const index = load<u32>(line.readers + (<usize>reader << 2));
    const at = dueUs + (<usize>index << 3);
    if (load<f64>(at) != Infinity) continue;
    const group = groupAt(delayed, index);
    if (load<i64>(line.cursors + (<usize>group.cursor << 3)) == line.written) continue;
    store<f64>(at, timeUs + group.delayUs);
    nextDueUs = min(nextDueUs, timeUs + group.delayUs);
  }
}

/** Lets a window of one millisecond have only so many spikes; the highest ids go first. */
function boundSpikes(layer: Layer, timeUs: f64): void {
  const ms = Math.floor(timeUs / 1000);
  if (ms != windowMs) {
    windowMs = ms;
    windowSpikes = 0;
  }
  const room = spikesPerMsMax - windowSpikes;
  if (<f64>layer.firedCount > room) {
    runaway += <f64>layer.firedCount - room;
    layer.firedCount = <i32>room;
  }
  windowSpikes += layer.firedCount;
  spikes += layer.firedCount;
}

/** All that happens at one microsecond. */
function work(timeUs: f64): void {
  const somethingDue = nextDueUs == timeUs;
  const input = layerAt(inputIndex);
  const inputLine = input.line;
  if (inputLine && input.firedCount > 0) send(input, inputLine, timeUs);
  for (let p = 0; p < layerCount; p++) {
    if (p == inputIndex) continue;
    const layer = layerAt(p);
    layer.firedCount = 0;
    let moved = false;
    let operations: f64 = 0;
    for (let index = layer.directFrom; index < layer.directTo; index++) {
      const group = groupAt(direct, index);
      const source = layerAt(group.from);
      if (source.firedCount == 0) continue;
      if (!moved) moveTo(layer, timeUs);
      moved = true;
      operations += deliver(group, source.fired, source.firedCount, layer);
    }
    if (somethingDue) {
      for (let index = layer.delayedFrom; index < layer.delayedTo; index++) {
        if (load<f64>(dueUs + (<usize>index << 3)) != timeUs) continue;
        if (!moved) moveTo(layer, timeUs);
        moved = true;
        operations += arrive(index, timeUs, layer);
      }
    }
    synapticOperations += operations;
    neuronUpdates += min(operations, <f64>layer.size);
    if (layer.candidateCount == 0) continue;
    fire(layer, timeUs);
    if (layer.firedCount == 0) continue;
    boundSpikes(layer, timeUs);
    const line = layer.line;
    if (line) send(layer, line, timeUs);
    if (p == outputIndex) give(layer, timeUs);
  }
  if (!somethingDue) return;
  let least = f64x2.splat(Infinity);
  const pairs = delayedCount & ~1;
  for (let index = 0; index < pairs; index += 2)
    least = f64x2.pmin(least, v128.load(dueUs + (<usize>index << 3)));
  nextDueUs = min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1));
  if (pairs < delayedCount) nextDueUs = min(nextDueUs, load<f64>(dueUs + (<usize>pairs << 3)));
}

function give(layer: Layer, timeUs: f64): void {
  for (let k = 0; k < layer.firedCount; k++) {
    store<f64>(outTimes + (<usize>outCount << 3), timeUs);
    store<u32>(outIds + (<usize>outCount << 2), load<u32>(layer.fired + (<usize>k << 2)));
    outCount += 1;
  }
}

/** What is beside the layers and lines to be saved: the ledger's counts in its order (no weight is updated), then what is next. */
export function readEngine(): usize {
  write(0, inputSpikes);
  write(1, spikes);
  write(2, synapticOperations);
  write(3, neuronUpdates);
  write(4, 0);
  write(5, outOfRange);
  write(6, runaway);
  write(7, delayLineFull);
  write(8, nextDueUs);
  write(9, windowMs);
  write(10, windowSpikes);
  write(11, <f64>dueUs);
  write(12, <f64>outTimes);
  write(13, <f64>outIds);
  write(14, outMax);
  return registers;
}

/** Takes the first eleven back. */
export function writeEngine(): void {
  inputSpikes = read(0);
  spikes = read(1);
  synapticOperations = read(2);
  neuronUpdates = read(3);
  outOfRange = read(5);
  runaway = read(6);
  delayLineFull = read(7);
  nextDueUs = read(8);
  windowMs = read(9);
  windowSpikes = read(10);
}

export function outputCount(): i32 {
  return outCount;
}
