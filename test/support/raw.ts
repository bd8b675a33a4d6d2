/** Prophesee RAW files, made by hand. */

/** Little-endian words of `size` bytes. */
export function words(size: number, values: readonly (number | bigint)[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap((value) =>
      Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn)),
    ),
  );
}

export function rawFile(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return Uint8Array.from([...Buffer.from(header, "latin1"), ...data]);
}

/** Where words end; in the header, where a line does. */
export function isWordBorder(size: number) {
  return (bytes: Uint8Array, byte: number): boolean => {
    const end = Buffer.from(bytes).indexOf("% end\n") + 6;
    return byte < end ? byte === 0 || bytes[byte - 1] === 0x0a : (byte - end) % size === 0;
  };
}
