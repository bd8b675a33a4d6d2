/** The kernels of this room, in WebAssembly, and the way to them; where they can't run, the plain loops do it all. */

import type { Packet } from "../events/packet.ts";
import { WasmModule } from "../wasm-module.ts";
import { Scratch } from "./byte-feed.ts";
import { wasm } from "./kernels.wasm.ts";

/** What the `*.kernel.ts` files export; each tells there what it takes and answers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly input: { readonly value: number };
  readonly times: { readonly value: number };
  readonly addresses: { readonly value: number };
  readonly state: { readonly value: number };
  readonly free: { readonly value: number };
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
  lz4Block(from: number, to: number, at: number, limit: number, oldest: number): number;
}

type RecordKernel = (
  from: number,
  to: number,
  baseUs: number,
  last: number,
  width: number,
  height: number,
) => number;

/** One memory for all decoders: a batch goes in and its events come out within one call. */
export class Kernels {
  readonly run: Exports;
  /** What stays in the memory from one call to the next. */
  readonly unpacked: KernelScratch;
  state!: Int32Array;
  private input!: Uint8Array;
  private times!: Float64Array;
  private addresses!: Uint32Array;

  constructor(run: Exports) {
    this.run = run;
    this.look();
    this.unpacked = new KernelScratch(this);
  }

  /** Copies a batch in; answers where it lies. */
  take(bytes: Uint8Array, from: number, count: number): number {
    this.input.set(bytes.subarray(from, from + count));
    return this.run.input.value;
  }

  /** Appends the first `count` events that a kernel has written. */
  give(into: Packet, count: number): void {
    if (count === 0) return;
    into.times.set(this.times.subarray(0, count), into.count);
    into.addresses.set(this.addresses.subarray(0, count), into.count);
    into.count += count;
  }

  /** Makes the memory at least so many bytes long. */
  reserve(size: number): void {
    const missing = size - this.run.memory.buffer.byteLength;
    if (missing <= 0) return;
    this.run.memory.grow(Math.ceil(missing / growthBytes) * (growthBytes / pageBytes));
    this.look();
  }

  /** Memory that has grown is seen anew. */
  private look(): void {
    const { run } = this;
    const { buffer } = run.memory;
    this.state = new Int32Array(buffer, run.state.value, 16);
    this.input = new Uint8Array(buffer, run.input.value, inputBytesMax);
    this.times = new Float64Array(buffer, run.times.value, outputEventsMax);
    this.addresses = new Uint32Array(buffer, run.addresses.value, outputEventsMax);
  }
}

/** Who has bytes in the memory of the kernels, and must take them elsewhere when another needs the room. */
export interface Tenant {
  moveOut(): void;
}

/** Bytes that a kernel unpacks into its own memory, where the next kernel finds them: one decoder's at a time. */
export class KernelScratch extends Scratch {
  private readonly kernels: Kernels;
  private tenant: Tenant | undefined;
  /** Where the packed bytes lie, and behind them the unpacked ones. */
  private packedAt = 0;
  private plainAt = 0;

  constructor(kernels: Kernels) {
    super();
    this.kernels = kernels;
  }

  /** Lets `tenant` in, with what it wants to unpack. */
  moveIn(tenant: Tenant, bytes: Uint8Array, from: number, to: number): void {
    if (this.tenant !== tenant) this.tenant?.moveOut();
    this.tenant = tenant;
    this.packedAt = this.kernels.run.free.value;
    this.plainAt = (this.packedAt + (to - from) + overshootBytes + 15) & ~15;
    this.reserve(0);
    new Uint8Array(this.kernels.run.memory.buffer, this.packedAt).set(bytes.subarray(from, to));
  }

  override reserve(size: number): void {
    this.kernels.reserve(this.plainAt + size + overshootBytes);
    const { buffer } = this.kernels.run.memory;
    if (this.bytes.buffer !== buffer || this.bytes.byteOffset !== this.plainAt)
      this.bytes = new Uint8Array(buffer, this.plainAt);
  }

  /** Where a byte lies for a kernel. */
  address(at: number): number {
    return this.plainAt + at;
  }

  /** As `decodeLz4Block`, with places in the packed bytes and the unpacked ones; -1 for a block that is damaged. */
  unpackBlock(from: number, to: number, at: number, limit: number, oldest: number): number {
    const { packedAt, plainAt } = this;
    const end = this.kernels.run.lz4Block(
      packedAt + from,
      packedAt + to,
      plainAt + at,
      plainAt + limit,
      plainAt + oldest,
    );
    return end === 0 ? -1 : end - plainAt;
  }
}

const pageBytes = 1 << 16;
const growthBytes = 1 << 20;
/** A kernel may read and write so far past the end of its bytes. */
const overshootBytes = 64;

/** As `memory.kernel.ts` has them. */
const inputBytesMax = 1 << 18;
const outputEventsMax = 1 << 14;

let loaded: Kernels | null | undefined;
let areOff = false;

/** Null where there is no WebAssembly with 128-bit vectors, or where they have been switched off. */
export function kernels(): Kernels | null {
  if (loaded === undefined) {
    const exports = new WasmModule<Exports>(wasm).instance();
    loaded = exports ? new Kernels(exports) : null;
  }
  return areOff ? null : loaded;
}

/** Switches to the plain loops and back, for tests and benchmarks. */
export function setKernels(which: "on" | "off"): void {
  areOff = which === "off";
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
