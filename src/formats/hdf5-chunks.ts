/**
 * Where the chunks of a data set lie in an HDF5 file, for a filter that no HDF5 library here has.
 *
 * Layout (HDF5 File Format Specification 3.0, the parts that HDF5 writes unless it is told otherwise): superblock 0
 * (II.A), B-trees 1 (III.A.1), symbol tables (III.B to III.D), object headers 1 (IV.A.1.a), chunked layout 3 (IV.A.2.i).
 */

import { Damage } from "./format.ts";
import { latin1 } from "./header-lines.ts";

/** Reads bytes of the file; fewer at its end. */
export type ReadBytes = (offset: number, length: number) => Uint8Array;

export interface Chunk {
  /** Of the data set, the first row of the chunk. */
  readonly firstRow: number;
  readonly offset: number;
  readonly bytes: number;
  /** Bit i: filter i was not applied. */
  readonly filterMask: number;
}

const signature = "\x89HDF\r\n\x1a\n";
const message = { layout: 8, continuation: 16, symbolTable: 17 } as const;
const messagesMax = 4096;
const nodesMax = 1 << 20;
const levelsMax = 16;
const entryBytes = 40;
const nameBytesMax = 256;

/** The chunks of the one-dimensional data set at `path`, in order of their rows. Throws a Damage. */
export function* chunksOf(read: ReadBytes, path: string): Generator<Chunk, void, undefined> {
  const file = new Reader(read);
  let header = file.root();
  for (const name of path.split("/").filter((part) => part !== "")) header = file.child(header, name);
  yield* file.chunks(header);
}

class Reader {
  private readonly read: ReadBytes;
  private nodes = 0;

  constructor(read: ReadBytes) {
    this.read = read;
  }

  root(): number {
    const block = this.view(0, 96);
    const isKnown =
      latin1(this.read(0, 8), 0, 8) === signature &&
      block.getUint8(8) === 0 &&
      block.getUint8(13) === 8 &&
      block.getUint8(14) === 8 &&
      place(block, 24) === 0;
    if (!isKnown) throw newer();
    return place(block, 64);
  }

  /** The object header of a group's member. */
  child(group: number, name: string): number {
    const table = this.messageOf(group, message.symbolTable, 16);
    const names = place(this.marked(place(table, 8), "HEAP", 32), 24);
    for (const { address } of this.leaves(place(table, 0), 0, 8)) {
      const symbols = this.marked(address, "SNOD", 8).getUint16(6, true);
      const entries = this.view(address + 8, symbols * entryBytes);
      for (let i = 0; i < symbols; i++)
        if (this.textAt(names + place(entries, i * entryBytes)) === name)
          return place(entries, i * entryBytes + 8);
    }
    throw newer();
  }

  *chunks(header: number): Generator<Chunk, void, undefined> {
    const layout = this.messageOf(header, message.layout, 11);
    const sides = layout.getUint8(2);
    if (layout.getUint8(0) !== 3 || layout.getUint8(1) !== 2 || sides !== 2) throw newer();
    for (const { key, address } of this.leaves(place(layout, 3), 1, 8 + 8 * sides))
      yield {
        firstRow: place(key, 8),
        offset: address,
        bytes: key.getUint32(0, true),
        filterMask: key.getUint32(4, true),
      };
  }

  /** The leaves of a B-tree of symbol tables (0) or chunks (1): the key before each, and where it is. */
  private *leaves(
    address: number,
    type: 0 | 1,
    keyBytes: number,
    levelMax: number = levelsMax,
  ): Generator<{ key: DataView; address: number }, void, undefined> {
    const head = this.marked(address, "TREE", 24);
    const level = head.getUint8(5);
    const entries = head.getUint16(6, true);
    this.nodes += 1;
    if (head.getUint8(4) !== type || level > levelMax || this.nodes > nodesMax) throw damaged();
    const stride = keyBytes + 8;
    const keys = this.view(address + 24, entries * stride);
    for (let i = 0; i < entries; i++) {
      const next = place(keys, i * stride + keyBytes);
      const key = new DataView(keys.buffer, keys.byteOffset + i * stride, keyBytes);
      if (level === 0) yield { key, address: next };
      else yield* this.leaves(next, type, keyBytes, level - 1);
    }
  }

  /** The data of an object header's first message of a type. */
  private messageOf(header: number, type: number, bytesMin: number): DataView {
    const head = this.view(header, 16);
    if (head.getUint8(0) !== 1) throw newer();
    const blocks = [{ offset: header + 16, bytes: head.getUint32(8, true) }];
    let left = Math.min(messagesMax, head.getUint16(2, true));
    for (let block = blocks.shift(); block && left > 0; block = blocks.shift()) {
      const view = this.view(block.offset, block.bytes);
      for (let at = 0; at + 8 <= block.bytes && left > 0; left--) {
        const found = view.getUint16(at, true);
        const size = view.getUint16(at + 2, true);
        if (at + 8 + size > block.bytes) throw damaged();
        const data = new DataView(view.buffer, view.byteOffset + at + 8, size);
        if (found === type && size >= bytesMin) return data;
        if (found === message.continuation && size >= 16)
          blocks.push({ offset: place(data, 0), bytes: place(data, 8) });
        at += 8 + size;
      }
    }
    throw newer();
  }

  private textAt(offset: number): string {
    const bytes = this.read(offset, nameBytesMax);
    const end = bytes.indexOf(0);
    return latin1(bytes, 0, end < 0 ? 0 : end);
  }

  private marked(offset: number, mark: string, length: number): DataView {
    const view = this.view(offset, length);
    if (latin1(new Uint8Array(view.buffer, view.byteOffset, 4), 0, 4) !== mark) throw damaged();
    return view;
  }

  private view(offset: number, length: number): DataView {
    if (length > blockBytesMax) throw damaged();
    const bytes = this.read(offset, length);
    if (bytes.length < length) throw damaged();
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }
}

/** Of a node or header: 65,535 keys of a chunk's B-tree. */
const blockBytesMax = 1 << 22;

/** An address or a length: 64 bits. Throws a Damage for one that no file has. */
function place(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  if (!Number.isSafeInteger(value)) throw damaged();
  return value;
}

function damaged(): Damage {
  return new Damage("the HDF5 file is damaged");
}

function newer(): Damage {
  return new Damage(
    "ECF in a layout of HDF5 that Metavision doesn't write: repack it with h5repack -f GZIP=5",
  );
}
