/** A reader of FlatBuffers that checks every offset: the few tables of AEDAT 4, from bytes that nobody vouches for. */

import { Damage } from "./format.ts";

/** One FlatBuffer that lies in `bytes[start .. end)`. Every method throws Damage on an offset that leads out of it. */
export class FlatBuffer {
  private readonly view: DataView;
  private readonly start: number;
  private readonly end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = start;
    this.end = end;
  }

  /** The four letters that name the root's type. */
  get identifier(): string {
    this.check(this.start + 4, 4);
    return String.fromCharCode(...[4, 5, 6, 7].map((i) => this.view.getUint8(this.start + i)));
  }

  get root(): number {
    return this.follow(this.start);
  }

  /** Where field `index` of the table at `table` lies, 0 when the table leaves it out. `size` bytes of it are here. */
  field(table: number, index: number, size: number): number {
    this.check(table, 4);
    const vtable = table - this.view.getInt32(table, true);
    this.check(vtable, 4);
    const vtableSize = this.view.getUint16(vtable, true);
    this.check(vtable, vtableSize);
    const entry = 4 + 2 * index;
    if (entry + 2 > vtableSize) return 0;
    const inTable = this.view.getUint16(vtable + entry, true);
    if (inTable === 0) return 0;
    this.check(table + inTable, size);
    return table + inTable;
  }

  int8(at: number): number {
    this.check(at, 1);
    return this.view.getInt8(at);
  }

  int16(at: number): number {
    this.check(at, 2);
    return this.view.getInt16(at, true);
  }

  float32(at: number): number {
    this.check(at, 4);
    return this.view.getFloat32(at, true);
  }

  /** A view of bytes. */
  bytes(at: number, count: number): Uint8Array {
    this.check(at, count);
    return new Uint8Array(this.view.buffer, this.view.byteOffset + at, count);
  }

  int32(at: number): number {
    this.check(at, 4);
    return this.view.getInt32(at, true);
  }

  /** As a float64: exact up to 2^53, which is the largest time and place that there is here. */
  int64(at: number): number {
    this.check(at, 8);
    return this.view.getInt32(at + 4, true) * 4294967296 + this.view.getUint32(at, true);
  }

  /** A vector of elements of `size` bytes: its first byte and how many there are, checked to lie here. */
  vector(field: number, size: number): { at: number; count: number } {
    if (field === 0) return { at: this.end, count: 0 };
    const vector = this.follow(field);
    this.check(vector, 4);
    const count = this.view.getUint32(vector, true);
    this.check(vector + 4, count * size);
    return { at: vector + 4, count };
  }

  text(field: number): string {
    const { at, count } = this.vector(field, 1);
    return new TextDecoder().decode(this.bytes(at, count));
  }

  /** What the offset at a place leads to. */
  follow(at: number): number {
    this.check(at, 4);
    const target = at + this.view.getUint32(at, true);
    this.check(target, 4);
    return target;
  }

  private check(at: number, size: number): void {
    if (at < this.start || at + size > this.end) throw new Damage("an offset leads out of its packet");
  }
}
