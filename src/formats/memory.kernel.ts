/** Where the kernels of this room read and write: fixed places, so that the compiler folds their addresses. */

/** Bytes that a batch may have, and events that it may give; both with room to read and write past the end. */
export const inputBytes: i32 = 1 << 18;
export const outputEvents: i32 = 1 << 14;
const spare: i32 = 256;

export const input: usize = memory.data(inputBytes + spare, 16);
export const times: usize = memory.data((outputEvents + spare) * 8, 16);
export const addresses: usize = memory.data((outputEvents + spare) * 4, 16);
/** What a kernel keeps beside its columns: 32-bit numbers whose meaning each kernel tells. */
export const state: usize = memory.data(64, 16);
/** From here on the memory is free. */
export const free: usize = __heap_base;
