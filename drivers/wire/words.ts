/** Numbers of several bytes, low byte first, and the two ways to write a sign. */

export const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

export const signed16 = (bytes: Uint8Array, at: number): number => (word(bytes, at) << 16) >> 16;

export const signed32 = (bytes: Uint8Array, at: number): number =>
  word(bytes, at) | (word(bytes, at + 2) << 16);

/** A number whose bit `signBit` is its sign and whose lower bits are its size: not two's complement. */
export function signMagnitude(value: number, signBit: number): number {
  const size = value & ((1 << signBit) - 1);
  return (value >> signBit) & 1 ? -size : size;
}

/** The other way; the size is cut off at what the bits below the sign can hold. */
export function toSignMagnitude(value: number, signBit: number): number {
  const size = Math.min(Math.abs(value), (1 << signBit) - 1);
  return value < 0 ? size | (1 << signBit) : size;
}
