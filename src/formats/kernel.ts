/** The kernels of this room, in WebAssembly, and the way to them; where they can't run, the plain loops do it all. */

import type { Packet } from "../events/packet.ts";
import { wasm } from "./kernels.wasm.ts";

/** What the `*.kernel.ts` files export; each tells there what it takes and answers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly input: { readonly value: number };
  readonly times: { readonly value: number };
  readonly addresses: { readonly value: number };
  readonly state: { readonly value: number };
  dat: RecordKernel;
  nmnist(from: number, to: number, baseUs: number, width: number, height: number): number;
  aedat2Davis: RecordKernel;
  aedat2Dvs128: RecordKernel;
  aedat4(from: number, count: number, width: number, height: number): number;
  evt2(
    from: number,
    to: number,
    countMax: number,
    baseUs: number,
    high: number,
    width: number,
    height: number,
  ): number;
  evt3(
    from: number,
    to: number,
    countMax: number,
    baseUs: number,
    width: number,
    height: number,
    readsLone: number,
  ): number;
}

type RecordKernel = (
  from: number,
  to: number,
  baseUs: number,
  last: number,
  width: number,
  height: number,
) => number;

/** One memory for all decoders: a batch goes in and its events come out within one call, so nothing stays in it. */
export class Kernels {
  readonly run: Exports;
  readonly state: Int32Array;
  private readonly input: Uint8Array;
  private readonly times: Float64Array;
  private readonly addresses: Uint32Array;

  constructor(run: Exports) {
    const { buffer } = run.memory;
    this.run = run;
    this.state = new Int32Array(buffer, run.state.value, 16);
    this.input = new Uint8Array(buffer, run.input.value, inputBytesMax);
    this.times = new Float64Array(buffer, run.times.value, outputEventsMax);
    this.addresses = new Uint32Array(buffer, run.addresses.value, outputEventsMax);
  }

  /** Copies a batch in. */
  take(bytes: Uint8Array, from: number, count: number): void {
    this.input.set(bytes.subarray(from, from + count));
  }

  /** Appends the first `count` events that a kernel has written. */
  give(into: Packet, count: number): void {
    if (count === 0) return;
    into.times.set(this.times.subarray(0, count), into.count);
    into.addresses.set(this.addresses.subarray(0, count), into.count);
    into.count += count;
  }
}

/** As `memory.kernel.ts` has them. */
const inputBytesMax = 1 << 18;
const outputEventsMax = 1 << 14;

let loaded: Kernels | null | undefined;

/** Null where there is no WebAssembly with 128-bit vectors, or where they have been switched off. */
export function kernels(): Kernels | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

/** Switches to the plain loops and back, for tests and benchmarks. */
export function setKernels(which: "on" | "off"): void {
  loaded = which === "off" ? null : undefined;
}

/**
 * Lets a kernel decode records `0` to `count` until it meets one that it leaves to the plain loop, which then decodes a
 * few, and so on. Both answer up to where they came; a plain loop that stops early ends it. Answers where it ended.
 */
export function inTurns(
  count: number,
  kernel: (from: number) => number,
  plain: (from: number, to: number) => number,
): number {
  let stride = strideMin;
  let at = 0;
  while (at < count) {
    const reached = kernel(at);
    // Where oddities are many, changing over costs more than the kernel saves.
    stride = reached - at < strideMin ? Math.min(stride * 2, strideMax) : strideMin;
    const to = Math.min(count, reached + stride);
    at = reached < to ? plain(reached, to) : to;
    if (at < to) break;
  }
  return at;
}

const strideMin = 16;
const strideMax = 4096;

/** The part of WebAssembly's interface that is needed; Node's types don't have it. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
}

function load(): Kernels | null {
  const { WebAssembly: host } = globalThis as { WebAssembly?: WebAssemblyLike };
  // The columns are copied as they lie in memory, which WebAssembly has in little-endian order.
  if (!host || new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) return null;
  try {
    const bytes = Uint8Array.from(atob(wasm), (letter) => letter.charCodeAt(0));
    const { exports } = new host.Instance(new host.Module(bytes), {});
    return new Kernels(exports as Exports);
  } catch {
    return null;
  }
}
