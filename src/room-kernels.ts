/** Columns that a plain loop and a kernel in WebAssembly share, so that either can do a stage's work. */

import type { Packet } from "./events/packet.ts";
import { WasmModule } from "./wasm-module.ts";

type Column = Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;
type ColumnType = { readonly BYTES_PER_ELEMENT: number } & (new (
  buffer: ArrayBuffer,
  at: number,
  length: number,
) => Column);

/** A column by name: a type and a length, to be zeroed, or a column to be copied in. */
export type ColumnPlan = Readonly<Record<string, Column | readonly [type: ColumnType, length: number]>>;

export type Columns<Plan extends ColumnPlan> = {
  readonly [Name in keyof Plan]: Plan[Name] extends readonly [new (...of: never) => infer One, number]
    ? One
    : Plan[Name];
};

/** Events that a kernel is given at a time: their columns fit into the nearest cache. */
export const batchEvents = 1024;

/** One instance of a room's kernels, whose memory holds the columns of one stage. */
export interface Kernel<Calls> {
  readonly call: Calls;
  /** Where the columns of a batch lie; a kernel leaves what it gives where it found what it took. */
  readonly timesAt: number;
  readonly addressesAt: number;
  /** Copies in events `from` to `to`, or as many as a batch holds; answers how many. */
  take(packet: Packet, from: number, to: number): number;
  /** Appends the first `count` events of the batch, for which there must be room. */
  give(into: Packet, count: number): void;
  /** A way through events `from` to `to` of a packet: `pass` is told how many a batch has, and answers how many it kept. */
  inBatches(out: Packet, pass: (count: number) => number): (packet: Packet, from: number, to: number) => void;
}

export interface Workplace<Calls, Plan extends ColumnPlan> {
  readonly columns: Columns<Plan>;
  /** Undefined where the plain loops do it all. */
  readonly kernel: Kernel<Calls> | undefined;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The kernels of a room, whose exports are `Calls`: compiled when first asked for, instantiated for each stage. */
export class RoomKernels<Calls> {
  readonly #module: WasmModule<Calls & { readonly memory: Memory }>;
  #isOff = false;

  /** Takes the module in base64, as kernels.mjs writes it. */
  constructor(wasm: string) {
    this.#module = new WasmModule(wasm);
  }

  /** Switches to the plain loops and back for what is opened from now on, for tests and benchmarks. */
  switch(which: "on" | "off"): void {
    this.#isOff = which === "off";
  }

  /** Lays out columns: beside a kernel, or anywhere where there is no WebAssembly with 128-bit vectors. */
  open<const Plan extends ColumnPlan>(plan: Plan): Workplace<Calls, Plan> {
    return (this.#isOff ? undefined : this.#beside(plan)) ?? { columns: placed(plan), kernel: undefined };
  }

  #beside<Plan extends ColumnPlan>(plan: Plan): Workplace<Calls, Plan> | undefined {
    const call = this.#module.instance();
    if (!call) return undefined;
    const { memory } = call;
    const batch = { times: [Float64Array, batchEvents], addresses: [Uint32Array, batchEvents] } as const;
    const bytes = sizeOf(batch) + sizeOf(plan);
    try {
      // Below lies what the module itself has.
      const from = memory.buffer.byteLength;
      memory.grow(Math.ceil(bytes / pageBytes));
      const { times, addresses } = placed(batch, memory.buffer, from);
      const kernel: Kernel<Calls> = {
        call,
        timesAt: times.byteOffset,
        addressesAt: addresses.byteOffset,
        take(packet, first, to) {
          const end = Math.min(to, first + batchEvents);
          times.set(packet.times.subarray(first, end));
          addresses.set(packet.addresses.subarray(first, end));
          return end - first;
        },
        give(into, count) {
          into.times.set(times.subarray(0, count), into.count);
          into.addresses.set(addresses.subarray(0, count), into.count);
          into.count += count;
        },
        inBatches: (out, pass) => (packet, from, to) => {
          for (let at = from; at < to; ) {
            const count = kernel.take(packet, at, to);
            kernel.give(out, pass(count));
            at += count;
          }
        },
      };
      return { columns: placed(plan, memory.buffer, from + sizeOf(batch)), kernel };
    } catch {
      // No memory for its columns.
      return undefined;
    }
  }
}

const pageBytes = 1 << 16;
/** A kernel may read so far past the end of a column. */
const spareBytes = 64;

function bytesOf(column: ColumnPlan[string]): number {
  const bytes = ArrayBuffer.isView(column) ? column.byteLength : column[0].BYTES_PER_ELEMENT * column[1];
  return Math.ceil((bytes + spareBytes) / spareBytes) * spareBytes;
}

function sizeOf(plan: ColumnPlan): number {
  return Object.values(plan).reduce((sum, column) => sum + bytesOf(column), 0);
}

function placed<Plan extends ColumnPlan>(
  plan: Plan,
  buffer = new ArrayBuffer(sizeOf(plan)),
  from = 0,
): Columns<Plan> {
  let at = from;
  const columns = Object.entries(plan).map(([name, wanted]) => {
    const [type, length] = ArrayBuffer.isView(wanted)
      ? [wanted.constructor as unknown as ColumnType, wanted.length]
      : wanted;
    const column = new type(buffer, at, length);
    if (ArrayBuffer.isView(wanted)) column.set(wanted);
    at += bytesOf(wanted);
    return [name, column];
  });
  return Object.fromEntries(columns) as Columns<Plan>;
}
