/**
 * As `layer.ts` in float32: the neurons of one population. A charge lies in a slot: a neuron's slot is its id, or, where
 * `padded` is set, place * padded + channel, so that the channels of one place lie side by side. Slots that belong to no
 * neuron hold 0.
 */

import { Line } from "./delay-line.kernel";
import { allocate, read, registers, write } from "./memory.kernel";
import { sort } from "./sort.kernel";

// @ts-ignore: decorator
@external("host", "exp")
declare function exp(x: f64): f64;

@unmanaged
export class Layer {
  size: i32;
  /** Slots, a multiple of 16. */
  slots: i32;
  padded: i32;
  plane: i32;
  line: Line | null;
  /** Its groups in the engine's tables. */
  directFrom: i32;
  directTo: i32;
  delayedFrom: i32;
  delayedTo: i32;

  charge: usize;
  scale: f64;
  ceiling: f32;
  candidates: usize;
  candidateCount: i32;
  fired: usize;
  firedCount: i32;

  threshold: f64;
  reset: f64;
  tauUs: f64;
  refractoryUs: f64;
  leaky: bool;
  frameLengthUs: f64;
  frameUs: f64;
  fine: usize;
  coarse: usize;

  /** Slots of refractory neurons in order of the time at which they listen again. */
  readySlots: usize;
  readyUs: usize;
  readyHead: i32;
  readyCount: i32;
  nextReadyUs: f64;
}

export function createLayer(
  size: i32,
  slots: i32,
  padded: i32,
  plane: i32,
  tauUs: f64,
  refractoryUs: f64,
  threshold: f64,
  reset: f64,
  frameLengthUs: f64,
): usize {
  const at = allocate(offsetof<Layer>());
  const charge = allocate(<f64>slots * 4);
  const candidates = allocate(<f64>size * 4);
  const fired = allocate(<f64>size * 4);
  const fine = allocate(1024 * 8);
  const coarse = allocate(256 * 8);
  const refractory = refractoryUs > 0 ? <f64>size : 0;
  const readySlots = allocate(refractory * 4);
  const readyUs = allocate(refractory * 8);
  if (!at || !charge || !candidates || !fired || !fine || !coarse || !readySlots || !readyUs) return 0;
  const layer = changetype<Layer>(at);
  layer.size = size;
  layer.slots = slots;
  layer.padded = padded;
  layer.plane = plane;
  layer.charge = charge;
  layer.scale = 1;
  layer.ceiling = <f32>threshold;
  layer.candidates = candidates;
  layer.fired = fired;
  layer.threshold = threshold;
  layer.reset = reset;
  layer.tauUs = tauUs;
  layer.refractoryUs = refractoryUs;
  layer.leaky = tauUs < Infinity;
  layer.frameLengthUs = frameLengthUs;
  layer.frameUs = layer.leaky ? -Infinity : 0;
  layer.fine = fine;
  layer.coarse = coarse;
  layer.readySlots = readySlots;
  layer.readyUs = readyUs;
  layer.nextReadyUs = Infinity;
  return at;
}

/** Brings the frame to `timeUs`, before anything is delivered there. */
export function moveTo(layer: Layer, timeUs: f64): void {
  if (layer.leaky) {
    if (timeUs - layer.frameUs >= layer.frameLengthUs) renewFrame(layer, timeUs);
    const since = <usize>(<i32>(timeUs - layer.frameUs));
    const scale =
      load<f64>(layer.fine + ((since & 1023) << 3)) * load<f64>(layer.coarse + ((since >>> 10) << 3));
    layer.scale = scale;
    layer.ceiling = <f32>(layer.threshold * scale);
  }
  if (layer.nextReadyUs <= timeUs) wake(layer, timeUs);
}

function renewFrame(layer: Layer, timeUs: f64): void {
  const frameUs = Math.floor(timeUs / layer.frameLengthUs) * layer.frameLengthUs;
  // Not 0 even after an age, since 0 times the -Infinity of a refractory neuron is not a number.
  const factor = max(1e-300, exp((layer.frameUs - frameUs) / layer.tauUs));
  const end = layer.charge + (<usize>layer.slots << 2);
  for (let at = layer.charge; at < end; at += 4) store<f32>(at, <f32>(<f64>load<f32>(at) * factor));
  layer.frameUs = frameUs;
}

function wake(layer: Layer, timeUs: f64): void {
  while (layer.readyCount > 0) {
    const readyUs = load<f64>(layer.readyUs + (<usize>layer.readyHead << 3));
    if (readyUs > timeUs) break;
    const slot = load<u32>(layer.readySlots + (<usize>layer.readyHead << 2));
    const reset = layer.reset;
    const charge = reset == 0 ? 0 : reset * exp((readyUs - layer.frameUs) / layer.tauUs);
    store<f32>(layer.charge + (<usize>slot << 2), <f32>charge);
    layer.readyHead = layer.readyHead + 1 == layer.size ? 0 : layer.readyHead + 1;
    layer.readyCount -= 1;
  }
  layer.nextReadyUs =
    layer.readyCount > 0 ? load<f64>(layer.readyUs + (<usize>layer.readyHead << 3)) : Infinity;
}

function holdUntil(layer: Layer, readyUs: f64, slot: u32): void {
  let place = layer.readyHead + layer.readyCount;
  if (place >= layer.size) place -= layer.size;
  store<u32>(layer.readySlots + (<usize>place << 2), slot);
  store<f64>(layer.readyUs + (<usize>place << 3), readyUs);
  if (layer.readyCount == 0) layer.nextReadyUs = readyUs;
  layer.readyCount += 1;
}

/** Tests the candidates, once all charge of `timeUs` is there: fills `fired` and resets those who fired. */
export function fire(layer: Layer, timeUs: f64): void {
  const found = layer.candidateCount;
  layer.candidateCount = 0;
  if (found > layer.size) takeAll(layer);
  else for (let k = 0; k < found; k++) take(layer, load<u32>(layer.candidates + (<usize>k << 2)));
  const count = layer.firedCount;
  // So far these are slots, in the order in which they were found.
  if (layer.padded) {
    for (let k = 0; k < count; k++) {
      const at = layer.fired + (<usize>k << 2);
      store<u32>(at, idOf(layer, load<u32>(at)));
    }
  }
  sort(layer.fired, count);
  const reset = <f32>(layer.reset * layer.scale);
  for (let k = 0; k < count; k++) {
    const slot = slotOf(layer, load<u32>(layer.fired + (<usize>k << 2)));
    if (layer.refractoryUs > 0) holdUntil(layer, timeUs + layer.refractoryUs, slot);
    else store<f32>(layer.charge + (<usize>slot << 2), reset);
  }
}

function takeAll(layer: Layer): void {
  const ceiling = f32x4.splat(layer.ceiling);
  for (let slot = 0; slot < layer.slots; slot += 4) {
    const reached = f32x4.ge(v128.load(layer.charge + (<usize>slot << 2)), ceiling);
    if (!v128.any_true(reached)) continue;
    for (let lane = 0; lane < 4; lane++) take(layer, slot + lane);
  }
}

// @ts-ignore: decorator
@inline
function take(layer: Layer, slot: u32): void {
  const at = layer.charge + (<usize>slot << 2);
  if (load<f32>(at) < layer.ceiling) return;
  store<u32>(layer.fired + (<usize>layer.firedCount << 2), slot);
  layer.firedCount += 1;
  // At once, so that a candidate seen twice fires once.
  store<f32>(at, -Infinity);
}

function idOf(layer: Layer, slot: u32): u32 {
  const place = slot / layer.padded;
  return (slot - place * layer.padded) * layer.plane + place;
}

function slotOf(layer: Layer, id: u32): u32 {
  if (layer.padded == 0) return id;
  const channel = id / layer.plane;
  return (id - channel * layer.plane) * layer.padded + channel;
}

/** What `layer.ts` saves as scalars, and where charges, refractory neurons and the tables of the scale are. */
export function readLayer(at: usize): usize {
  const layer = changetype<Layer>(at);
  write(0, layer.scale);
  write(1, layer.ceiling);
  write(2, layer.frameUs);
  write(3, layer.readyHead);
  write(4, layer.readyCount);
  write(5, layer.nextReadyUs);
  write(6, <f64>layer.charge);
  write(7, <f64>layer.readySlots);
  write(8, <f64>layer.readyUs);
  write(9, <f64>layer.fine);
  write(10, <f64>layer.coarse);
  return registers;
}

/** Takes the first six back. */
export function writeLayer(at: usize): void {
  const layer = changetype<Layer>(at);
  layer.scale = read(0);
  layer.ceiling = <f32>read(1);
  layer.frameUs = read(2);
  layer.readyHead = <i32>read(3);
  layer.readyCount = <i32>read(4);
  layer.nextReadyUs = read(5);
  layer.candidateCount = 0;
  layer.firedCount = 0;
}
