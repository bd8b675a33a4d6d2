/** Numbers of a FlatBuffer that is laid out by hand, little-endian. */

/** The head of a size-prefixed buffer: its size, the place of its root table, and the letters of its type. */
export function setRoot(view: DataView, size: number, identifier: string, root: number): void {
  view.setUint32(0, size - 4, true);
  view.setUint32(4, root - 4, true);
  for (let i = 0; i < 4; i++) view.setUint8(8 + i, identifier.charCodeAt(i));
}

export function setUint16s(view: DataView, at: number, values: readonly number[]): void {
  values.forEach((value, i) => {
    view.setUint16(at + 2 * i, value, true);
  });
}

export function setInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setInt32(at + 4, Math.floor(value / 4294967296), true);
}
