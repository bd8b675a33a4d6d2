/** Modules of WebAssembly that kernels.mjs has made, where they can run. */

/** The part of WebAssembly's interface that is needed; Node's types don't have it. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
}

/** A room's kernels, which export `Exports`: compiled when first asked for. */
export class WasmModule<Exports> {
  readonly #base64: string;
  readonly #imports: object;
  #compiled: object | null | undefined;

  constructor(base64: string, imports: object = {}) {
    this.#base64 = base64;
    this.#imports = imports;
  }

  /** Undefined where there is no WebAssembly with 128-bit vectors, and where there is no memory for another instance. */
  instance(): Exports | undefined {
    const { WebAssembly: host } = globalThis as { WebAssembly?: WebAssemblyLike };
    if (this.#compiled === undefined) this.#compiled = host ? compile(host, this.#base64) : null;
    if (!host || !this.#compiled) return undefined;
    try {
      return new host.Instance(this.#compiled, this.#imports).exports as Exports;
    } catch {
      return undefined;
    }
  }
}

function compile(host: WebAssemblyLike, base64: string): object | null {
  // Columns are copied as they lie in memory, which WebAssembly has in little-endian order.
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) return null;
  try {
    return new host.Module(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}
