/**
 * NumPy's `.npy` and `.npz`: events as a structured array, as a table of four columns, or as an array for each column.
 *
 * Layout (numpy `lib/format.py`): `\x93NUMPY`, version, length and text of a Python dictionary with `descr`,
 * `fortran_order` and `shape`, then the values. `.npz` is a zip of such files. Rows are read as they come; columns that
 * lie one after the other must all be here first, and are refused above 256 MiB. Origin upper left; what is above 0 is
 * ON. Written files are structured: `t` int64, `x` and `y` uint16, `p` uint8.
 */

import { type Geometry, type PixelGeometry, pixelHeightMax, pixelWidthMax } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type ColumnOrder,
  orderByLooking,
  orderByName,
  rowsToLookAt,
  unitByLooking,
  wholeUs,
} from "./columns.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type Encoder,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { latin1 } from "./header-lines.ts";
import { crc32, inflate } from "./inflate.ts";
import {
  type Column,
  gather,
  npyHeaderBytes,
  npyMagic,
  npyPrefixBytes,
  npyTable,
  type Table,
} from "./npy-array.ts";

export const npy: Format = {
  name: "npy",
  about: "NumPy arrays, .npy and .npz: structured, four columns, or an array a column",
  extensions: ["npy", "npz"],
  sniff: (head) => {
    if (latin1(head, 0, npyMagic.length) === npyMagic) return "sure";
    if (latin1(head, 0, memberMark.length) !== memberMark) return "no";
    return latin1(head, 30, 30 + (head[26]! | (head[27]! << 8))).endsWith(".npy") ? "sure" : "no";
  },
  decoder: (options) => new NpyDecoder(options),
  encoder: (geometry) => new NpyEncoder(geometry),
};

/** Of zip files (PKWARE APPNOTE 4.3). */
const memberMark = "PK\x03\x04";
const directoryMark = "PK\x01\x02";
const markBytes = 4;
const memberHeaderBytes = 26;
/** Of columns that lie one after the other, and of all that a zip holds. */
const wholeBytesMax = 1 << 28;

/** Columns of which all rows are in memory. */
interface Held {
  readonly columns: readonly (Column & { readonly bytes: Uint8Array })[];
  readonly rows: number;
}

/** A member of a zip, before its bytes. */
interface Member {
  readonly name: string;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly isPacked: boolean;
  /** CRC-32 of what is packed. */
  readonly checksum: number;
}

type State =
  | "first mark"
  | "prefix"
  | "header"
  | "look"
  | "rows"
  | "whole"
  | "mark"
  | "member"
  | "name"
  | "data"
  | "held"
  | "done";

class NpyDecoder implements Decoder {
  readonly geometry: PixelGeometry | null;
  readonly streams: readonly StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private state: State = "first mark";
  private headerBytes = npyPrefixBytes;
  private table: Table | undefined;
  private order: ColumnOrder | undefined;
  private unitUs = 1;
  /** Rows that have been handed out, and those of `held`. */
  private row = 0;
  private heldRow = 0;
  private held: Held = { columns: [], rows: 0 };
  /** Bytes of the array or member at hand, as far as they have come. */
  private whole = new Uint8Array(0);
  private wholeCount = 0;
  private memberBytes = 0;
  private member: Member | undefined;
  private memberHeader = new Uint8Array(0);
  /** Arrays of one column, each a member of its own. */
  private readonly members: { column: Held["columns"][number]; rows: number }[] = [];
  /** The four columns of some rows, before they become events. */
  private readonly numbers = [0, 1, 2, 3].map(() => new Float64Array(readEventsMax));

  constructor(options: DecodeOptions) {
    this.geometry = options.geometry ?? null;
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    try {
      while (into.count < readEventsMax && !this.seen.over) if (!this.step(into)) return false;
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.seen.stop(error.message, this.feed.offset);
    }
    return !this.seen.over;
  }

  end(): void {
    if (this.state === "done") return;
    const isCounted = this.state === "rows" || this.state === "look";
    this.seen.stop(
      isCounted
        ? "the file is cut: it holds fewer rows than it says"
        : "the file is cut: it ends before its events",
      this.feed.offset,
    );
  }

  /** Takes the next thing off the feed; false when it is not all here. */
  private step(into: Packet): boolean {
    const { feed } = this;
    switch (this.state) {
      case "first mark":
        return this.readMark();
      case "prefix":
        return this.readPrefix();
      case "header":
        if (!feed.take(this.headerBytes)) return false;
        this.useTable(npyTable(latin1(feed.bytes, feed.start, feed.start + this.headerBytes)));
        return true;
      case "look":
        return this.look();
      case "rows":
        return this.readRows(into);
      case "whole":
        if (!this.collect(this.table!.bytes)) return false;
        this.hold({
          columns: this.table!.columns.map((column) => ({ ...column, bytes: this.whole })),
          rows: this.table!.rows,
        });
        return true;
      case "held":
        this.handOutHeld(into);
        return true;
      case "done":
        feed.skip(feed.available);
        return false;
      default:
        return this.readZip();
    }
  }

  private readMark(): boolean {
    const { feed } = this;
    if (!feed.take(markBytes)) return false;
    const isZip = latin1(feed.bytes, feed.start, feed.start + markBytes) === memberMark;
    if (!isZip) feed.untake(markBytes);
    this.state = isZip ? "member" : "prefix";
    return true;
  }

  private readPrefix(): boolean {
    const { feed } = this;
    if (!feed.take(npyPrefixBytes)) return false;
    this.headerBytes = npyHeaderBytes(feed.bytes, feed.start);
    feed.untake(npyPrefixBytes);
    this.state = "header";
    return true;
  }

  private useTable(table: Table): void {
    this.table = table;
    if (table.columns.length < 4) throw new Damage("the array is no list of events");
    if (table.rows === 0) this.state = "done";
    else if (table.rowBytes > 0) this.state = "look";
    else this.state = "whole";
    if (this.state === "whole" && table.bytes > wholeBytesMax) throw tooLarge();
  }

  /** The first rows are kept, to see what is what where no name tells. */
  private look(): boolean {
    const { feed, table } = this;
    const rows = Math.min(table!.rows, rowsToLookAt);
    const size = rows * table!.rowBytes;
    if (!feed.take(size)) return false;
    const bytes = feed.bytes.slice(feed.start, feed.start + size);
    this.hold({ columns: table!.columns.map((column) => ({ ...column, bytes })), rows });
    return true;
  }

  private hold(held: Held): void {
    this.held = held;
    this.heldRow = 0;
    this.state = held.rows === 0 ? "done" : "held";
    if (held.rows > 0) this.findOrder(held);
  }

  private findOrder({ columns, rows }: Held): void {
    const told = orderByName(columns.map(({ name }) => name));
    const count = Math.min(rows, rowsToLookAt);
    const first = (column: Held["columns"][number]) => {
      const numbers = new Float64Array(count);
      gather(column, column.bytes, column.at, count, numbers);
      return numbers;
    };
    this.order = told?.order ?? orderByLooking(columns.length === 4 ? columns.map(first) : []);
    if (!this.order) throw new Damage("which columns are t, x, y and p can't be told");
    if (!told) this.seen.note(`no names tell the columns, taken for ${inWords(this.order)}`, 0);
    this.unitUs = told?.unitUs ?? unitByLooking(first(columns[this.order.t]!));
    if (told?.unitUs === undefined && this.unitUs !== 1)
      this.seen.note(
        `no name tells the unit of time, taken for ${this.unitUs > 1 ? "seconds" : "nanoseconds"}`,
        0,
      );
  }

  private handOutHeld(into: Packet): void {
    const rows = Math.min(this.held.rows - this.heldRow, readEventsMax - into.count);
    for (const [i, { column, bytes }] of this.chosen().entries())
      gather(column, bytes, column.at + this.heldRow * column.stride, rows, this.numbers[i]!);
    this.heldRow += rows;
    this.handOut(rows, into);
    if (this.heldRow < this.held.rows) return;
    this.state = this.table && this.row < this.table.rows ? "rows" : "done";
  }

  private readRows(into: Packet): boolean {
    const { feed, table } = this;
    const rows = feed.takeRecords(
      table!.rowBytes,
      Math.min(table!.rows - this.row, readEventsMax - into.count),
    );
    if (rows === 0) return false;
    for (const [i, { column }] of this.chosen().entries())
      gather(column, feed.bytes, feed.start + column.at, rows, this.numbers[i]!);
    this.handOut(rows, into);
    if (this.row === table!.rows) this.state = "done";
    return true;
  }

  /** The columns of t, x, y and p, in this order. */
  private chosen(): { column: Column; bytes: Uint8Array }[] {
    const { t, x, y, p } = this.order!;
    return [t, x, y, p].map((place) => ({
      column: this.held.columns[place]!,
      bytes: this.held.columns[place]!.bytes,
    }));
  }

  /** From four columns of numbers to events. */
  private handOut(rows: number, into: Packet): void {
    const [ts, xs, ys, ps] = this.numbers as [Float64Array, Float64Array, Float64Array, Float64Array];
    const width = this.geometry?.width ?? pixelWidthMax;
    const height = this.geometry?.height ?? pixelHeightMax;
    const { unitUs } = this;
    const { times, addresses } = into;
    let n = into.count;
    for (let i = 0; i < rows; i++) {
      const x = xs[i]!;
      const y = ys[i]!;
      const timeUs = wholeUs(ts[i]!, unitUs);
      // Comparisons with NaN are false.
      const isInside = x >= 0 && x < width && y >= 0 && y < height;
      if (!isInside || !Number.isSafeInteger(timeUs)) {
        this.leaveOut(isInside, this.row + i);
        continue;
      }
      times[n] = timeUs;
      addresses[n] = (y << 16) | (x << 1) | (ps[i]! > 0 ? 1 : 0);
      n += 1;
    }
    this.row += rows;
    this.streams[0]!.count += n - into.count;
    into.count = n;
  }

  private leaveOut(isInside: boolean, row: number): void {
    this.seen.leaveOut(
      isInside ? "event with an impossible time, left out" : "event outside the sensor, left out",
      // In columns and in a zip a row has no place of its own.
      this.headerBytes + row * (this.table?.rowBytes ?? 0),
    );
  }

  private readZip(): boolean {
    const { feed } = this;
    if (this.state === "mark") {
      if (!feed.take(markBytes)) return false;
      const mark = latin1(feed.bytes, feed.start, feed.start + markBytes);
      if (mark === directoryMark) this.useMembers();
      else if (mark === memberMark) this.state = "member";
      else throw new Damage("the zip is damaged");
    } else if (this.state === "member") {
      if (!feed.take(memberHeaderBytes)) return false;
      this.memberHeader = feed.bytes.slice(feed.start, feed.start + memberHeaderBytes);
      this.state = "name";
    } else if (this.state === "name") {
      const names = uint16(this.memberHeader, 22) + uint16(this.memberHeader, 24);
      if (!feed.take(names)) return false;
      this.member = memberFrom(this.memberHeader, feed.bytes.subarray(feed.start, feed.start + names));
      const { bytes, packedBytes, isPacked } = this.member;
      this.memberBytes += bytes + (isPacked ? packedBytes : 0);
      if (this.memberBytes > wholeBytesMax) throw tooLarge();
      this.state = "data";
    } else {
      if (!this.collect(this.member!.packedBytes)) return false;
      this.useMember(this.member!);
      this.state = "mark";
    }
    return true;
  }

  private useMember({ name, bytes, isPacked, checksum }: Member): void {
    const array = isPacked ? inflate(this.whole, bytes) : this.whole;
    if (crc32(array) !== checksum) throw new Damage("a member's checksum is wrong");
    const table = array.length < npyPrefixBytes ? undefined : usableTable(array);
    if (!table) return;
    const columns = table.columns.map((column) => ({
      ...column,
      name: column.name || (table.columns.length === 1 ? name.replace(/\.npy$/, "") : ""),
      bytes: array,
    }));
    if (columns.length === 1) this.members.push({ column: columns[0]!, rows: table.rows });
    else if (columns.length >= 4 && this.held.columns.length === 0) this.held = { columns, rows: table.rows };
  }

  /** All members are here: a column in each, or a list of events in one. */
  private useMembers(): void {
    const told = orderByName(this.members.map(({ column }) => column.name));
    if (told) {
      const used = Object.values(told.order).map((place) => this.members[place]!);
      const rows = Math.min(...used.map((member) => member.rows));
      if (used.some((member) => member.rows !== rows))
        this.seen.leaveOut("the columns have different lengths, cut to the shortest", 0);
      this.hold({ columns: used.map(({ column }) => column), rows });
    } else if (this.held.columns.length > 0) this.hold(this.held);
    else throw new Damage("no arrays named t, x, y and p, and no list of events");
  }

  /** Gathers `size` bytes in `whole`, whose room grows with what comes; false until all are here. */
  private collect(size: number): boolean {
    const { feed } = this;
    if (this.wholeCount === 0) this.whole = new Uint8Array(0);
    while (this.wholeCount < size) {
      const count = feed.takeRecords(1, size - this.wholeCount);
      if (count === 0) return false;
      const needed = this.wholeCount + count;
      if (needed > this.whole.length) {
        const grown = new Uint8Array(Math.min(size, Math.max(needed, 2 * this.whole.length)));
        grown.set(this.whole.subarray(0, this.wholeCount));
        this.whole = grown;
      }
      this.whole.set(feed.bytes.subarray(feed.start, feed.start + count), this.wholeCount);
      this.wholeCount = needed;
    }
    this.wholeCount = 0;
    return true;
  }
}

/** What a member's array says of its columns; nothing where it holds something else. Throws a Damage when it is cut. */
function usableTable(array: Uint8Array): Table | undefined {
  const headerBytes = npyHeaderBytes(array, 0);
  let table: Table;
  try {
    table = npyTable(latin1(array, 0, headerBytes));
  } catch (error) {
    if (error instanceof Damage) return undefined;
    throw error;
  }
  if (headerBytes + table.bytes > array.length) throw new Damage("a member holds fewer rows than it says");
  return { ...table, columns: table.columns.map((column) => ({ ...column, at: headerBytes + column.at })) };
}

function tooLarge(): Damage {
  return new Damage(
    "columns that lie one after the other, or a zip, of more than 256 MiB: save a structured .npy",
  );
}

function inWords(order: ColumnOrder): string {
  const names = Object.entries(order).sort(([, a], [, b]) => a - b);
  return names.map(([name]) => name).join(" ");
}

/** `header` is what follows the mark, `names` the name and the extra fields. Throws a Damage. */
function memberFrom(header: Uint8Array, names: Uint8Array): Member {
  const nameBytes = uint16(header, 22);
  let [packedBytes, bytes] = [uint32(header, 14), uint32(header, 18)];
  for (let at = nameBytes; at + 4 <= names.length; at += 4 + uint16(names, at + 2)) {
    // Zip64: the sizes that don't fit into 32 bits, the unpacked one first.
    if (uint16(names, at) !== 1 || at + 20 > names.length) continue;
    if (bytes === 0xffffffff) bytes = uint32(names, at + 4) + uint32(names, at + 8) * 2 ** 32;
    if (packedBytes === 0xffffffff) packedBytes = uint32(names, at + 12) + uint32(names, at + 16) * 2 ** 32;
  }
  const method = uint16(header, 4);
  if ((method !== 0 && method !== 8) || (uint16(header, 2) & 1) === 1)
    throw new Damage("the zip is locked, or packed in another way than deflate");
  if ((uint16(header, 2) & 8) !== 0 && packedBytes === 0)
    throw new Damage("the zip tells no sizes: save it to a file with numpy.savez");
  if (method === 0 && bytes !== packedBytes) throw new Damage("the zip is damaged");
  return {
    name: latin1(names, 0, nameBytes),
    packedBytes,
    bytes,
    isPacked: method === 8,
    checksum: uint32(header, 10),
  };
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) | (uint16(bytes, at + 2) << 16)) >>> 0;
}

const rowBytes = 13;
/** As long as numpy makes it, so that the number of rows can be put in at the end. */
const writtenHeaderBytes = 192;

class NpyEncoder implements Encoder {
  private readonly width: number;
  private readonly height: number;
  private readonly left = new Problems();
  private rows = 0;

  constructor(geometry: Geometry) {
    this.width = geometry.width;
    this.height = geometry.height;
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    return headerOf(0);
  }

  push({ count, times, addresses }: Packet): Uint8Array {
    const out = new Uint8Array(count * rowBytes);
    const view = new DataView(out.buffer);
    let n = 0;
    for (let i = 0; i < count; i++) {
      const address = addresses[i]!;
      const x = (address >>> 1) & 0x7fff;
      const y = address >>> 16;
      if (x >= this.width || y >= this.height) {
        this.left.leaveOut("event outside the sensor", writtenHeaderBytes + this.rows * rowBytes + n);
        continue;
      }
      view.setUint32(n, times[i]!, true);
      view.setInt32(n + 4, Math.floor(times[i]! / 4294967296), true);
      view.setUint16(n + 8, x, true);
      view.setUint16(n + 10, y, true);
      out[n + 12] = address & 1;
      n += rowBytes;
    }
    this.rows += n / rowBytes;
    return out.subarray(0, n);
  }

  end(): Uint8Array {
    return new Uint8Array(0);
  }

  patches(): readonly Patch[] {
    return [{ offset: 0, bytes: headerOf(this.rows) }];
  }
}

function headerOf(rows: number): Uint8Array {
  const descr = "[('t', '<i8'), ('x', '<u2'), ('y', '<u2'), ('p', '|u1')]";
  const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': (${rows},), }`;
  const size = writtenHeaderBytes - 10;
  const line = `${text.padEnd(size - 1)}\n`;
  const prefix = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, size & 255, size >>> 8];
  return Uint8Array.of(...prefix, ...new TextEncoder().encode(line));
}
