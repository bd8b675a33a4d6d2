/**
 * Events as text, one a line: CSV, and the `t x y p` of the UZH data sets.
 *
 * Numbers are apart by commas, semicolons, tabs or blanks. A first line may name the columns (`t,x,y,p`, `timestamp_ns`);
 * else the order, and in any case a unit that isn't named, are found by looking, and told. Lines that begin with `#` or
 * `%` are comments; one with `geometry` and two numbers tells the sensor's size, as names like faery's `x@640` do. What
 * is above 0 is ON. A last line without an end is used when it has all columns, and told, since its last number may be
 * cut. Written as faery does: `t,x@640,y@480,on`, in microseconds.
 */

import {
  type Geometry,
  type PixelGeometry,
  pixelHeightMax,
  pixels,
  pixelWidthMax,
} from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import { type ColumnOrder, OrderSeeker, orderByName } from "./columns.ts";
import {
  type DecodeOptions,
  type Decoder,
  type Encoder,
  extensionOf,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { latin1 } from "./header-lines.ts";

export const csv: Format = {
  name: "csv",
  about: "Text, an event a line: CSV and the txt of the UZH data sets",
  extensions: ["csv", "txt", "tsv"],
  sniff: sniffText,
  decoder: (options) => new CsvDecoder(options),
  encoder: (geometry) => new CsvEncoder(geometry),
};

const lineBytesMax = 1024;
const batchBytesMax = 1 << 16;
const columnsMax = 16;
/** Of a number on the short way, the point included. */
const plainDigitsMax = 18;
const sniffBytes = 4096;
const lineFeed = 0x0a;
const separators = /[,;\s]+/;
const numberText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function sniffText(head: Uint8Array, fileName: string): "sure" | "guess" | "no" {
  const text = latin1(head, 0, sniffBytes);
  if ([...text].some((letter) => letter < " " && !/\s/.test(letter))) return "no";
  const lines = text.split("\n").slice(0, head.length > sniffBytes ? -1 : undefined);
  const data = lines.map(clean).filter((line) => line !== "" && !isComment(line));
  if (data[0] !== undefined && orderByName(splitNames(data[0]))) return "sure";
  const isNumbers = (line: string | undefined) =>
    line !== undefined &&
    line.split(separators).length >= 4 &&
    line.split(separators).every((one) => numberText.test(one));
  const isNamed = csv.extensions.includes(extensionOf(fileName));
  return isNamed && (isNumbers(data[0]) || isNumbers(data[1])) ? "guess" : "no";
}

function clean(line: string): string {
  return line.replace(/^\xef\xbb\xbf/, "").trim();
}

function isComment(line: string): boolean {
  return line.startsWith("#") || line.startsWith("%");
}

/** Names may hold blanks where something else separates them. */
function splitNames(line: string): string[] {
  const names = line.replace(/^[#%]\s*/, "");
  return /[,;\t]/.test(names) ? names.split(/[,;\t]/) : names.split(separators);
}

class CsvDecoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: readonly StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  /** A line that lies across two pieces. */
  private readonly carry = new Uint8Array(lineBytesMax);
  private carried = 0;
  private isTooLong = false;
  /** Lines of data that wait for the order to be found. */
  private waiting: { bytes: Uint8Array; byte: number }[] = [];
  private waited = 0;
  private readonly seeker = new OrderSeeker();
  private order: ColumnOrder | undefined;
  private columns = 0;
  private unitExponent: number | undefined;
  private readonly line = new LineParser();
  private readonly plain = new Float64Array(4);

  constructor(options: DecodeOptions) {
    this.geometry = options.geometry;
  }

  get problems() {
    return this.seen.list;
  }

  /** Lines may go the short way: four columns of known order and unit, and no line waits. */
  private get isPlain(): boolean {
    return this.columns === 4 && this.unitExponent !== undefined && this.waited === this.waiting.length;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    const before = into.count;
    const more = this.readLines(into);
    this.streams[0]!.count += into.count - before;
    return more;
  }

  end(): void {
    if (this.carried > 0 || this.isTooLong) this.takeLastLine();
    if (this.waiting.length > 0 && !this.order && !this.seen.over) this.endSearch();
    this.geometry ??= null;
  }

  /** It may be whole; all that can be told is whether something is missing. It waits for the last `read`. */
  private takeLastLine(): void {
    const { carry, carried } = this;
    const byte = this.feed.offset - carried;
    const text = clean(latin1(carry, 0, carried));
    const isWhole = this.line.parse(carry, 0, carried, columnsMax) && this.line.count >= (this.columns || 4);
    this.carried = 0;
    if (this.isTooLong || (text !== "" && !isComment(text) && !isWhole))
      this.seen.stop("the file is cut: it ends inside a line", byte);
    else if (isWhole) {
      this.seen.note("the last line has no end, and is taken for whole", byte);
      if (this.order) this.waiting.push({ bytes: carry.slice(0, carried), byte });
      else this.look(carry.slice(0, carried), byte);
    }
  }

  private endSearch(): void {
    const order = this.seeker.end();
    if (order) this.useOrderFound(order);
    else this.seen.stop("too few lines to tell the columns: name them in a first line, t,x,y,p", 0);
  }

  private readLines(into: Packet): boolean {
    const { feed } = this;
    while (into.count < readEventsMax && !this.seen.over) {
      if (this.order && this.waited < this.waiting.length) {
        const { bytes, byte } = this.waiting[this.waited++]!;
        this.takeEvent(bytes, 0, bytes.length, byte, into);
        continue;
      }
      const count = feed.takeRecords(1, batchBytesMax);
      if (count === 0) return false;
      feed.untake(count - this.takeBytes(count, into));
    }
    return !this.seen.over;
  }

  /** Takes lines out of the bytes that the feed handed out; answers how many bytes it used. */
  private takeBytes(count: number, into: Packet): number {
    const { bytes, start, offset } = this.feed;
    const end = start + count;
    const firstByte = offset - count - start;
    let at = start;
    while (at < end && into.count < readEventsMax) {
      if (this.isPlain && this.carried === 0 && !this.isTooLong) {
        at = this.takePlainLines(bytes, at, end, into);
        if (at >= end || into.count >= readEventsMax) break;
      }
      const lineEnd = bytes.indexOf(lineFeed, at);
      if (lineEnd < 0 || lineEnd >= end) {
        this.keep(bytes, at, end);
        return count;
      }
      if (this.carried > 0 || this.isTooLong) {
        this.keep(bytes, at, lineEnd);
        this.takeLine(this.carry, 0, this.carried, firstByte + lineEnd - this.carried, into);
        this.carried = 0;
        this.isTooLong = false;
      } else if (lineEnd - at > lineBytesMax) {
        this.isTooLong = true;
        this.takeLine(bytes, at, at, firstByte + lineEnd, into);
        this.isTooLong = false;
      } else this.takeLine(bytes, at, lineEnd, firstByte + at, into);
      at = lineEnd + 1;
      // The rest waits until the lines before it have been handed out.
      if (this.order && this.waited < this.waiting.length) break;
    }
    return at - start;
  }

  /**
   * The hot loop: lines of four plain numbers with one byte between them, as most files have. Stops before the first
   * line that is anything else, or is not all here; answers where.
   */
  private takePlainLines(bytes: Uint8Array, from: number, end: number, into: Packet): number {
    const { t, x: xPlace, y: yPlace, p } = this.order!;
    const { plain } = this;
    const width = this.geometry?.width ?? pixelWidthMax;
    const height = this.geometry?.height ?? pixelHeightMax;
    const unitExponent = this.unitExponent!;
    const { times, addresses } = into;
    let n = into.count;
    let at = from;
    while (n < readEventsMax) {
      let to = at;
      let decimals = 0;
      let place = 0;
      for (; place < 4; place++) {
        const first = to;
        let value = 0;
        let point = -1;
        for (; to < end; to++) {
          const digit = bytes[to]! - 0x30;
          if (digit >= 0 && digit <= 9) value = value * 10 + digit;
          else if (digit === -2 && place === t && point < 0) point = to;
          else break;
        }
        if (to === first || to - first > plainDigitsMax || to >= end || point === to - 1) break;
        if (value > Number.MAX_SAFE_INTEGER) break;
        if (place === t && point >= 0) decimals = to - point - 1;
        plain[place] = value;
        const byte = bytes[to]!;
        if (place < 3 ? byte !== 0x2c && byte !== 0x20 && byte !== 0x09 : byte !== lineFeed) break;
        to += 1;
      }
      if (place < 4) break;
      const x = plain[xPlace]!;
      const y = plain[yPlace]!;
      if (x >= width || y >= height) break;
      const exponent = unitExponent - decimals;
      times[n] = exponent === 0 ? plain[t]! : Math.round(scale(plain[t]!, exponent));
      addresses[n] = (y << 16) | (x << 1) | (plain[p]! > 0 ? 1 : 0);
      n += 1;
      at = to;
    }
    into.count = n;
    return at;
  }

  /** Keeps the beginning of a line, up to a bound. */
  private keep(bytes: Uint8Array, from: number, to: number): void {
    if (this.isTooLong || this.carried + to - from > lineBytesMax) {
      this.isTooLong = true;
      this.carried = 0;
      return;
    }
    this.carry.set(bytes.subarray(from, to), this.carried);
    this.carried += to - from;
  }

  private takeLine(bytes: Uint8Array, from: number, to: number, byte: number, into: Packet): void {
    if (this.isTooLong) this.seen.leaveOut("line that is too long, left out", byte);
    else if (this.order) this.takeEvent(bytes, from, to, byte, into);
    else this.look(bytes.slice(from, to), byte);
  }

  /** A line before the order is known: a comment, names, or data that must wait. */
  private look(bytes: Uint8Array, byte: number): void {
    const text = clean(latin1(bytes, 0, bytes.length));
    if (text === "") return;
    const told = this.waiting.length === 0 ? orderByName(splitNames(text)) : undefined;
    if (told) {
      this.columns = splitNames(text).length;
      this.unitExponent = told.unitUs === undefined ? undefined : Math.log10(told.unitUs);
      const [width, height] = [told.order.x, told.order.y].map(
        (place) => /@(\d{1,5})/.exec(splitNames(text)[place]!)?.[1],
      );
      this.useSize(Number(width), Number(height));
      this.useOrder(told.order);
    } else if (isComment(text)) this.lookAtComment(text);
    else if (!this.line.parse(bytes, 0, bytes.length, columnsMax) || this.line.count < 4)
      this.seen.leaveOut("line that is no event, left out", byte);
    else {
      this.waiting.push({ bytes, byte });
      if (this.line.count !== 4 || (this.columns !== 0 && this.columns !== 4)) {
        this.seen.stop("more than four columns and no names: name them in a first line, t,x,y,p", byte);
        return;
      }
      this.columns = 4;
      const order = this.seeker.add(this.line.values);
      if (order === "none") this.seen.stop("which columns are t, x, y and p can't be told", byte);
      else if (order) this.useOrderFound(order);
    }
  }

  private useOrderFound(order: ColumnOrder): void {
    this.seen.note(`no names tell the columns, taken for ${inWords(order)}`, 0);
    this.useOrder(order);
  }

  private lookAtComment(text: string): void {
    const size = /geometry\D*(\d{1,5})\D+(\d{1,5})/i.exec(text);
    this.useSize(Number(size?.[1]), Number(size?.[2]));
  }

  private useSize(width: number, height: number): void {
    if (width > 0 && height > 0 && width <= pixelWidthMax && height <= pixelHeightMax)
      this.geometry ??= pixels(width, height);
  }

  private useOrder(order: ColumnOrder): void {
    this.order = order;
    this.geometry ??= null;
  }

  /** The hot path: a line to a row. */
  private takeEvent(bytes: Uint8Array, from: number, to: number, byte: number, into: Packet): void {
    const { line, order } = this;
    const { t, x: xPlace, y: yPlace, p } = order!;
    if (!line.parse(bytes, from, to, this.columns) || line.count < this.columns) {
      const text = clean(latin1(bytes, from, to));
      if (text !== "" && !isComment(text)) this.seen.leaveOut("line that is no event, left out", byte);
      return;
    }
    const x = line.values[xPlace]!;
    const y = line.values[yPlace]!;
    const width = this.geometry?.width ?? pixelWidthMax;
    const height = this.geometry?.height ?? pixelHeightMax;
    if (!(x >= 0 && x < width && y >= 0 && y < height)) {
      this.seen.leaveOut("event outside the sensor, left out", byte);
      return;
    }
    if (this.unitExponent === undefined && line.values[t] !== 0) this.findUnit(t);
    const timeUs = line.scaled(t, this.unitExponent ?? 0);
    if (!Number.isSafeInteger(timeUs)) {
      this.seen.leaveOut("event with an impossible time, left out", byte);
      return;
    }
    const n = into.count;
    into.times[n] = timeUs;
    into.addresses[n] = (y << 16) | (x << 1) | (line.values[p]! > 0 ? 1 : 0);
    into.count = n + 1;
  }

  /** By the first time that isn't 0: Unix nanoseconds by their size, seconds by their fraction, else microseconds. */
  private findUnit(place: number): void {
    const value = Math.abs(this.line.values[place]!);
    const hasFraction = !Number.isInteger(value) || this.line.decimals(place) >= 3;
    this.unitExponent = value >= 1e17 ? -3 : hasFraction && value < 1e11 ? 6 : 0;
    if (this.unitExponent !== 0)
      this.seen.note(
        `no name tells the unit of time, taken for ${this.unitExponent > 0 ? "seconds" : "nanoseconds"}`,
        0,
      );
  }
}

function inWords(order: ColumnOrder): string {
  return Object.entries(order)
    .sort(([, a], [, b]) => a - b)
    .map(([name]) => name)
    .join(" ");
}

/** A number keeps so many digits exactly. */
const digitsMax = 15;
const powers = Float64Array.from({ length: 40 }, (_, i) => 10 ** i);

/** The numbers of a line, exact where they are times: digits and an exponent, not a rounded fraction. */
class LineParser {
  count = 0;
  readonly values = new Float64Array(columnsMax);
  /** The first 15 digits, what the digits after them add, and how many those are. */
  private readonly upper = new Float64Array(columnsMax);
  private readonly lower = new Float64Array(columnsMax);
  private readonly lowerDigits = new Int32Array(columnsMax);
  private readonly exponents = new Int32Array(columnsMax);
  private readonly points = new Int32Array(columnsMax);

  /** Reads up to `columns` numbers; false when something is no number. */
  parse(bytes: Uint8Array, from: number, to: number, columns: number): boolean {
    let at = from;
    let count = 0;
    this.count = 0;
    while (count < columns) {
      let cells = 0;
      for (; at < to && isSeparator(bytes[at]!); at++) if (isCellEnd(bytes[at]!)) cells += 1;
      if (at >= to) break;
      if (cells > 1 || (cells === 1 && count === 0)) return false;
      at = this.number(bytes, at, to, count);
      if (at < 0) return false;
      count += 1;
    }
    this.count = count;
    return true;
  }

  /** The number in `place` times 10^`exponent`, as a whole number. */
  scaled(place: number, exponent: number): number {
    const shift = this.exponents[place]! + exponent;
    const digits = this.lowerDigits[place]!;
    if (digits === 0) return Math.round(scale(this.upper[place]!, shift));
    const upper = scale(this.upper[place]!, shift + digits);
    const lower = scale(this.lower[place]!, shift);
    // Whole microseconds of Unix time leave no bits for a fraction.
    return shift + digits >= 0 ? upper + Math.round(lower) : Math.round(upper + lower);
  }

  /** Digits after the point; 0 where there is an exponent. */
  decimals(place: number): number {
    return this.points[place]!;
  }

  /** Reads one number; answers where it ends, or -1. */
  private number(bytes: Uint8Array, from: number, to: number, place: number): number {
    let at = from;
    let byte = bytes[at]!;
    const isNegative = byte === 0x2d;
    if (isNegative || byte === 0x2b) at += 1;
    let upper = 0;
    let lower = 0;
    let digits = 0;
    let significant = 0;
    let point = -1;
    for (; at < to; at++) {
      byte = bytes[at]!;
      if (byte >= 0x30 && byte <= 0x39) {
        digits += 1;
        if (significant < digitsMax) {
          upper = upper * 10 + (byte - 0x30);
          if (upper > 0) significant += 1;
        } else {
          lower = lower * 10 + (byte - 0x30);
          significant += 1;
        }
      } else if (byte === 0x2e && point < 0) point = digits;
      else break;
    }
    if (digits === 0) return this.word(bytes, from, to, place);
    let exponent = point < 0 ? 0 : point - digits;
    this.points[place] = -exponent;
    if (at < to && (byte === 0x65 || byte === 0x45)) {
      const end = endOfExponent(bytes, at + 1, to);
      const told = Number(latin1(bytes, at + 1, end));
      if (end === at + 1 || !Number.isInteger(told)) return -1;
      exponent += Math.max(-999, Math.min(999, told));
      this.points[place] = 0;
      at = end;
    }
    if (at < to && !isSeparator(bytes[at]!)) return -1;
    const lowerDigits = Math.max(0, significant - digitsMax);
    this.upper[place] = isNegative ? -upper : upper;
    this.lower[place] = isNegative ? -lower : lower;
    this.lowerDigits[place] = lowerDigits;
    this.exponents[place] = exponent;
    const value = scale(upper, exponent + lowerDigits) + (lowerDigits > 0 ? scale(lower, exponent) : 0);
    this.values[place] = isNegative ? -value : value;
    return at;
  }

  /** `True`, `ON`, `False` and `OFF`, as some write the polarity. */
  private word(bytes: Uint8Array, from: number, to: number, place: number): number {
    let end = from;
    while (end < to && !isSeparator(bytes[end]!)) end += 1;
    const value = words.get(latin1(bytes, from, end).toLowerCase());
    if (value === undefined) return -1;
    this.values[place] = value;
    this.upper[place] = value;
    this.lowerDigits[place] = 0;
    this.exponents[place] = 0;
    this.points[place] = 0;
    return end;
  }
}

const words = new Map([
  ["true", 1],
  ["on", 1],
  ["false", 0],
  ["off", 0],
]);

function isSeparator(byte: number): boolean {
  return byte === 0x2c || byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x3b;
}

/** Two of these in a row hold an empty cell; blanks may be as many as they like. */
function isCellEnd(byte: number): boolean {
  return byte === 0x2c || byte === 0x3b;
}

function endOfExponent(bytes: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && !isSeparator(bytes[end]!)) end += 1;
  return end;
}

function scale(value: number, exponent: number): number {
  if (exponent === 0) return value;
  if (exponent > 0) return exponent < 40 ? value * powers[exponent]! : value * 10 ** exponent;
  return exponent > -40 ? value / powers[-exponent]! : value * 10 ** exponent;
}

/** Bytes of a line at most: 17 of time, 5 each of x and y, 1 of polarity, and what is between. */
const writtenLineBytesMax = 32;

class CsvEncoder implements Encoder {
  private readonly width: number;
  private readonly height: number;
  private readonly left = new Problems();
  private offset = 0;

  constructor(geometry: Geometry) {
    this.width = geometry.width;
    this.height = geometry.height;
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    const head = new TextEncoder().encode(`t,x@${this.width},y@${this.height},on\n`);
    this.offset = head.length;
    return head;
  }

  push({ count, times, addresses }: Packet): Uint8Array {
    const out = new Uint8Array(count * writtenLineBytesMax);
    let n = 0;
    for (let i = 0; i < count; i++) {
      const x = (addresses[i]! >>> 1) & 0x7fff;
      const y = addresses[i]! >>> 16;
      if (x >= this.width || y >= this.height) {
        this.left.leaveOut("event outside the sensor", this.offset + n);
        continue;
      }
      n = writeNumber(out, n, times[i]!);
      out[n++] = 0x2c;
      n = writeNumber(out, n, x);
      out[n++] = 0x2c;
      n = writeNumber(out, n, y);
      out[n++] = 0x2c;
      out[n++] = 0x30 + (addresses[i]! & 1);
      out[n++] = lineFeed;
    }
    this.offset += n;
    return out.subarray(0, n);
  }

  end(): Uint8Array {
    return new Uint8Array(0);
  }

  patches(): readonly Patch[] {
    return [];
  }
}

/** Writes a whole number in digits; answers where the next byte goes. */
function writeNumber(out: Uint8Array, at: number, value: number): number {
  let n = at;
  let rest = value;
  if (rest < 0) {
    out[n++] = 0x2d;
    rest = -rest;
  }
  let digits = 1;
  while (digits < 17 && rest >= powers[digits]!) digits += 1;
  for (let place = n + digits - 1; place >= n; place--) {
    const tenth = Math.floor(rest / 10);
    out[place] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  return n + digits;
}
