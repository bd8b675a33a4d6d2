/** The memory of an engine: laid out once, and never given back. */

let free: usize = (__heap_base + 15) & ~15;

/** Zeroed room at a multiple of 16, with 64 bytes more that a vector may read; 0 where there is no more memory. */
export function allocate(bytes: f64): usize {
  const end = <f64>free + bytes + 80.0;
  if (end > 4294901760.0) return 0;
  const pages = <i32>(<usize>(<u64>end + 0xffff) >>> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;
  const at = free;
  free = (<usize>end) & ~15;
  return at;
}

/** Where numbers are handed to the host and taken from it. */
export const registers: usize = memory.data(16 * 8, 16);

// @ts-ignore: decorator
@inline
export function write(index: i32, value: f64): void {
  store<f64>(registers + (<usize>index << 3), value);
}

// @ts-ignore: decorator
@inline
export function read(index: i32): f64 {
  return load<f64>(registers + (<usize>index << 3));
}
