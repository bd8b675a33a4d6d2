/** The kernel of this room, in WebAssembly: one instance, with a memory of its own, for each engine. */

import { WasmModule } from "../wasm-module.ts";
import { wasm } from "./kernels.wasm.ts";

/** What the `*.kernel.ts` files export, and tell about there; `at` and answers are places in the memory. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(bytes: number): number;
  createLayer(
    size: number,
    slots: number,
    padded: number,
    plane: number,
    tauUs: number,
    refractoryUs: number,
    threshold: number,
    reset: number,
    frameLengthUs: number,
  ): number;
  createLine(cursorCount: number, readers: number, capacityMax: number): number;
  createGroup(pattern: number, from: number, delayUs: number, weightScale: number): number;
  setCursor(at: number, cursor: number): void;
  setRows(at: number, weights: number, table: number, plan: number): void;
  createPlan(
    sourcePlane: number,
    sourceWidth: number,
    rows: number,
    columns: number,
    rowSlots: number,
    rowWeights: number,
    columnSlots: number,
    columnWeights: number,
    channelWeights: number,
    channelsIn: number,
    channelsOut: number,
    run: number,
  ): number;
  setGroups(
    layer: number,
    line: number,
    directFrom: number,
    directTo: number,
    delayedFrom: number,
    delayedTo: number,
  ): void;
  setNetwork(
    layers: number,
    layerCount: number,
    input: number,
    output: number,
    direct: number,
    delayed: number,
    delayedCount: number,
    spikesPerMsMax: number,
  ): number;
  setInput(times: number, ids: number, sorted: number): void;
  begin(count: number): void;
  run(toUs: number): number;
  outputCount(): number;
  readEngine(): number;
  writeEngine(): void;
  readLayer(at: number): number;
  writeLayer(at: number): void;
  readLine(at: number): number;
  writeLine(at: number): number;
}

type Column = Int8Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** The memory of one instance has no more room: its network is too large for it. */
export class KernelFull extends Error {}

export class Kernel {
  readonly call: KernelExports;

  constructor(call: KernelExports) {
    this.call = call;
  }

  get buffer(): ArrayBuffer {
    return this.call.memory.buffer;
  }

  /** Where something lies that was created; 0 says that there was no room for it. */
  placed(at: number): number {
    if (at === 0) throw new KernelFull();
    return at >>> 0;
  }

  /** Zeroed room. */
  allocate(bytes: number): number {
    return this.placed(this.call.allocate(bytes));
  }

  /** Copies a column in and answers where it lies. */
  store(column: Column): number {
    const at = this.allocate(column.byteLength);
    new Uint8Array(this.buffer, at, column.byteLength).set(
      new Uint8Array(column.buffer, column.byteOffset, column.byteLength),
    );
    return at;
  }
}

// One source of exponentials: the tables of the TypeScript are made by this one too.
const module = new WasmModule<KernelExports>(wasm, { host: { exp: Math.exp } });
let isOff = false;

/** A new instance; null where there is no WebAssembly with 128-bit vectors, or where it has been switched off. */
export function createKernel(): Kernel | null {
  const call = isOff ? undefined : module.instance();
  return call ? new Kernel(call) : null;
}

/** Switches to the plain loops and back, for tests and benchmarks. */
export function setCoreKernel(which: "on" | "off"): void {
  isOff = which === "off";
}
