/** How much memory the HDF5 library may take: it is WebAssembly, and grows as a file tells it to. */

/**
 * From now on memories of WebAssembly in this process grow no further than `bytesMax`: the library is then told that
 * there is no more, and refuses the file. Without it a damaged file of 3 kB made it fill 2 GB eighteen times over.
 */
export function limitLibraryMemory(bytesMax: number): void {
  const { prototype } = (globalThis as unknown as Host).WebAssembly.Memory;
  const { grow } = prototype;
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * pageBytes > bytesMax)
      throw new RangeError("more memory than the library may have");
    return grow.call(this, pages);
  };
}

const pageBytes = 65_536;

/** The part of WebAssembly's interface that is needed; Node's types don't have it. */
interface Host {
  readonly WebAssembly: { readonly Memory: { readonly prototype: Memory } };
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(this: Memory, pages: number): number;
}
