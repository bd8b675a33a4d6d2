/** What Prophesee's encodings share: a header or none, little-endian words, and a time base that runs over. */

import type { Beside, Trigger } from "../events/beside.ts";
import { type Geometry, type PixelGeometry, pixels } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { AlignedWords } from "./aligned.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  countBeside,
  type DecodeOptions,
  type Decoder,
  type Encoder,
  extensionOf,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { headerOf, PropheseeHeader } from "./prophesee-header.ts";
import { findRecord, type RandomAccess } from "./seek.ts";

/** Most words that one batch takes: little is put back for the next one, and all fit into a kernel's input. */
const batchWordsMax = 1 << 14;
/** Most events that one word of any encoding holds. */
const wordEventsMax = 32;

/** The upper bits of time (negative before the first), its lower ones, and what was added for each time it ran over. */
export interface TimeBase {
  high: number;
  low: number;
  loopsUs: number;
}

/** An edge on an input of the camera. */
export function triggerAt(timeUs: number, channel: number, value: number): Trigger {
  return { type: "triggers", timeUs, channel, mark: value === 0 ? "signal-falling" : "signal-rising" };
}

/** Reads the header, then hands words to `decode`, which a file of its own has for each encoding. */
export abstract class RawDecoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  protected readonly seen = new Problems();
  protected readonly feed = new ByteFeed();
  protected readonly aligned = new AlignedWords();
  protected readonly header = new PropheseeHeader();
  /** Added to all times. */
  protected startUs = 0;
  private readonly options: DecodeOptions;
  private readonly encoding: NonNullable<PropheseeHeader["encoding"]>;
  private readonly wordBytes: number;
  private readonly fallback: PixelGeometry;
  /** Events of a word that did not fit into the packet that was being filled. */
  private readonly spill = new Packet(pixels(1, 1), wordEventsMax);
  private spilt = 0;
  /** Where the words begin. */
  private dataByte = 0;

  constructor(
    encoding: NonNullable<PropheseeHeader["encoding"]>,
    wordBytes: number,
    fallback: PixelGeometry,
    options: DecodeOptions,
  ) {
    this.encoding = encoding;
    this.wordBytes = wordBytes;
    this.fallback = fallback;
    this.options = options;
    this.geometry = options.geometry;
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    if (!this.readHeader()) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      if (this.spilt < this.spill.count) this.drain(into);
      else if (readEventsMax - into.count < wordEventsMax) {
        if (this.feed.takeRecords(this.wordBytes, 1) === 0) return false;
        this.spill.count = 0;
        this.spilt = 0;
        this.decodeCounted(1, this.spill, 0);
      } else {
        const words = this.feed.takeRecords(this.wordBytes, batchWordsMax);
        if (words === 0) return false;
        const used = this.decodeCounted(words, into, readEventsMax - wordEventsMax);
        this.feed.untake((words - used) * this.wordBytes);
      }
    }
    return !this.seen.over;
  }

  /** Of a word that carries time and says where the words after it stand, the time; NaN for any other word. */
  protected timeOf?(bytes: Uint8Array, at: number): number;

  async seek(file: RandomAccess, timeUs: number): Promise<number | undefined> {
    if (!this.header.done || !this.timeOf || this.seen.over) return undefined;
    const timeOf = (bytes: Uint8Array, at: number) => this.timeOf!(bytes, at);
    const offset = await findRecord(file, this.dataByte, this.wordBytes, timeOf, timeUs);
    if (offset === undefined) return undefined;
    this.spill.count = 0;
    this.spilt = 0;
    this.feed.moveTo(offset);
    return offset;
  }

  end(): void {
    if (this.header.cut) this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (!this.header.done) this.useHeader();
    else if (this.feed.available > 0)
      this.seen.stop("the file is cut: it ends inside a word", this.feed.offset);
    this.geometry ??= null;
  }

  /**
   * Decodes the words that the feed has taken, while no more than `countMax` events are in `into`; answers how many
   * words it used. Appends at most `wordEventsMax` events a word.
   */
  protected abstract decode(words: number, into: Packet, countMax: number): number;

  /** Counts what is beside the events. */
  protected count(type: StreamInfo["type"], words: number): void {
    countBeside(this.streams, type, words);
  }

  /** Where time stands, for `triggersOf`. */
  protected abstract timeNow(): TimeBase;

  /** The triggers of the first `words` that the feed has taken; `time` is where time stood before them. */
  protected abstract triggersOf(words: number, time: TimeBase): Generator<Trigger>;

  private decodeCounted(words: number, into: Packet, countMax: number): number {
    const { beside } = this.options;
    const before = into.count;
    const triggersBefore = this.triggers;
    const time = beside && this.timeNow();
    const used = this.decode(words, into, countMax);
    this.streams[0]!.count += into.count - before;
    // They are rare, so the words are looked through once more only where there are some.
    if (time && this.triggers > triggersBefore)
      for (const trigger of this.triggersOf(used, time)) beside(trigger);
    return used;
  }

  private get triggers(): number {
    return this.streams.find(({ type }) => type === "triggers")?.count ?? 0;
  }

  private readHeader(): boolean {
    if (this.header.done) return true;
    if (!this.header.read(this.feed)) return false;
    this.useHeader();
    return true;
  }

  private useHeader(): void {
    const { header, encoding, fallback, seen, options } = this;
    const named = header.encoding;
    if (named !== undefined && named !== encoding) seen.stop(`the header names another encoding`, 0);
    else if (named === undefined) seen.note(`no header names the encoding, taken for ${encoding}`, 0);
    this.startUs = header.startUs;
    this.dataByte = this.feed.offset;
    if (options.geometry) return;
    if (!header.geometry)
      seen.note(`the file tells no geometry, taken for ${fallback.width}x${fallback.height}`, 0);
    this.geometry = header.geometry ?? fallback;
  }

  private drain(into: Packet): void {
    const { spill } = this;
    for (; this.spilt < spill.count && into.count < readEventsMax; this.spilt++)
      into.push(spill.times[this.spilt]!, spill.addresses[this.spilt]!);
  }
}

/** Words past this many bytes aren't looked at. */
export const sniffBytes = 1 << 16;

/** How sure a file's first bytes make us of an encoding; `suits` looks at the words of a stream that names none. */
export function sniffRaw(
  head: Uint8Array,
  fileName: string,
  encoding: NonNullable<PropheseeHeader["encoding"]>,
  suits: (head: Uint8Array, from: number) => boolean,
): "sure" | "guess" | "no" {
  const { header, dataByte } = headerOf(head);
  if (header.encoding !== undefined) return header.encoding === encoding ? "sure" : "no";
  const extension = extensionOf(fileName);
  if (extension === encoding) return "guess";
  return (extension === "raw" || extension === "bin") && suits(head, dataByte) ? "guess" : "no";
}

export interface EncoderFrame {
  readonly geometry: Geometry;
  /** Most pixels a side. */
  readonly sideMax: number;
  /** When the stored time runs over. */
  readonly loopUs: number;
  /** How many inputs a trigger can tell apart. */
  readonly channels: number;
  /** The longest silence between two events that the format can hold. */
  readonly gapUsMax: number;
  /** All of the header; `origin` is its line for the time that the file starts at, or nothing. */
  readonly header: (width: number, height: number, origin: readonly string[]) => Uint8Array;
}

/**
 * The frame of an encoder: the header is written with the first event, since it tells where time starts when that is
 * past the first loop of the time base.
 */
export abstract class PropheseeEncoder implements Encoder {
  protected readonly width: number;
  protected readonly height: number;
  private readonly frame: EncoderFrame;
  private readonly left = new Problems();
  /** Triggers in order of time, to be written before the first event after them. */
  private readonly triggers: Trigger[] = [];
  private nextTriggerUs = Number.POSITIVE_INFINITY;
  private started = false;
  private offset = 0;
  private startUs = 0;
  private lastUs = 0;
  private out = new Uint8Array(0);
  private at = 0;

  constructor(frame: EncoderFrame) {
    this.frame = frame;
    this.width = Math.min(frame.geometry.width, frame.sideMax);
    this.height = Math.min(frame.geometry.height, frame.sideMax);
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    return new Uint8Array(0);
  }

  push({ count, times, addresses }: Packet): Uint8Array {
    this.at = 0;
    for (let i = 0; i < count; i++) {
      const timeUs = times[i]!;
      const x = (addresses[i]! >>> 1) & 0x7fff;
      const y = addresses[i]! >>> 16;
      if (!this.started) this.begin(Math.min(timeUs, this.nextTriggerUs));
      if (this.nextTriggerUs <= timeUs) this.writeTriggers(timeUs);
      const atUs = timeUs - this.startUs;
      if (x >= this.width || y >= this.height)
        this.left.leaveOut("event outside the sides that the format holds", this.offset + this.at);
      else if (atUs < this.lastUs || atUs - this.lastUs > this.frame.gapUsMax)
        this.left.leaveOut("event before the last one, or a long silence after it", this.offset + this.at);
      else {
        this.event(atUs, x, y, addresses[i]! & 1);
        this.lastUs = atUs;
      }
    }
    this.flush();
    return this.taken();
  }

  pushBeside(record: Beside): Uint8Array {
    if (record.type !== "triggers") return new Uint8Array(0);
    const { triggers } = this;
    let at = triggers.length;
    while (at > 0 && triggers[at - 1]!.timeUs > record.timeUs) at -= 1;
    triggers.splice(at, 0, record);
    this.nextTriggerUs = triggers[0]!.timeUs;
    return new Uint8Array(0);
  }

  end(): Uint8Array {
    this.at = 0;
    if (!this.started) this.begin(this.triggers[0]?.timeUs ?? 0);
    this.writeTriggers(Number.POSITIVE_INFINITY);
    return this.taken();
  }

  patches(): readonly Patch[] {
    return [];
  }

  /** Writes one event with `write`; `atUs` counts from the file's start and never falls. */
  protected abstract event(atUs: number, x: number, y: number, on: number): void;

  /** Writes an edge on an input, after what `event` has kept back; never called where a frame has no channels. */
  protected trigger?(atUs: number, channel: number, value: number): void;

  /** Writes what `event` has kept back: a packet's bytes don't wait for the next one. */
  protected abstract flush(): void;

  /** Writes a little-endian word of 16 bits. */
  protected write16(word: number): void {
    if (this.at + 2 > this.out.length) this.grow(this.at + 2);
    const { out, at } = this;
    out[at] = word;
    out[at + 1] = word >>> 8;
    this.at = at + 2;
  }

  /** Writes a little-endian word of 32 bits. */
  protected write32(word: number): void {
    if (this.at + 4 > this.out.length) this.grow(this.at + 4);
    const { out, at } = this;
    out[at] = word;
    out[at + 1] = word >>> 8;
    out[at + 2] = word >>> 16;
    out[at + 3] = word >>> 24;
    this.at = at + 4;
  }

  private writeTriggers(untilUs: number): void {
    const { triggers, frame } = this;
    while (triggers.length > 0 && triggers[0]!.timeUs <= untilUs) {
      const { timeUs, mark, channel } = triggers.shift()!;
      const atUs = timeUs - this.startUs;
      const isEdge = mark === "signal-rising" || mark === "signal-falling";
      if (!isEdge || channel >= frame.channels || atUs < this.lastUs || atUs - this.lastUs > frame.gapUsMax)
        this.left.leaveOut("trigger that the format can't tell, or too late", this.offset + this.at);
      else {
        this.trigger?.(atUs, channel, mark === "signal-rising" ? 1 : 0);
        this.lastUs = atUs;
      }
    }
    this.nextTriggerUs = triggers[0]?.timeUs ?? Number.POSITIVE_INFINITY;
  }

  private begin(firstUs: number): void {
    this.started = true;
    this.startUs = firstUs < this.frame.loopUs ? 0 : firstUs;
    this.lastUs = Math.max(0, firstUs - this.startUs);
    const origin = this.startUs === 0 ? [] : [`t0 ${this.startUs}`];
    const header = this.frame.header(this.width, this.height, origin);
    this.grow(this.at + header.length);
    this.out.set(header, this.at);
    this.at += header.length;
  }

  private grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, this.out.length * 2, 4096));
    grown.set(this.out.subarray(0, this.at));
    this.out = grown;
  }

  private taken(): Uint8Array {
    this.offset += this.at;
    return this.out.slice(0, this.at);
  }
}
