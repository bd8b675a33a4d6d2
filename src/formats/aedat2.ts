/**
 * AEDAT 2.0, jAER's recordings: an ASCII header and 8 bytes an event, an address and a time, big-endian.
 *
 * Layout (iniVation `AEDAT_file_formats.md`; jAER `AEFileInputStream.java`, `DVS128.java`, `DavisChip.java`): what an
 * address means depends on the chip, which only a comment of the header names. The stored origin is the lower right
 * corner as the image is shown, so both axes are turned over here. A stored polarity bit of 1 is ON. What is no event is
 * told in `aedat2-beside.ts`.
 */

import { nearestName, ReflexarcError } from "../errors.ts";
import type { BesideType } from "../events/beside.ts";
import { type Geometry, type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { Aedat2Beside, type ImuScale, usualImuScale } from "./aedat2-beside.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  countBeside,
  type DecodeOptions,
  type Decoder,
  type EncodeOptions,
  type Encoder,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { inTurns, kernels } from "./kernel.ts";
import { findRecord, type RandomAccess } from "./seek.ts";

export const aedat2: Format = {
  name: "aedat2",
  about: "AEDAT 2.0, jAER: DVS128, DAVIS240, DAVIS346 and DAVIS640",
  extensions: ["aedat", "dat"],
  sniff: (head) => (latin1(head, 0, 12) === "#!AER-DAT2.0" ? "sure" : "no"),
  readsBeside: ["frames", "imu", "triggers"],
  decoder: (options) => new Aedat2Decoder(options),
  encoder: (geometry, options) => new Aedat2Encoder(geometry, options),
};

interface Chip extends PixelGeometry {
  readonly name: (typeof aedat2Chips)[number];
  /** How bits make an address: `davis` also carries frames and IMU samples. */
  readonly layout: "dvs128" | "davis";
}

const chips: readonly Chip[] = [
  { name: "DVS128", layout: "dvs128", ...pixels(128, 128) },
  { name: "DAVIS240", layout: "davis", ...pixels(240, 180) },
  { name: "DAVIS346", layout: "davis", ...pixels(346, 260) },
  { name: "DAVIS640", layout: "davis", ...pixels(640, 480) },
];

/** The names that `chip` may take. */
export const aedat2Chips = ["DVS128", "DAVIS240", "DAVIS346", "DAVIS640"] as const;

/** A chip by its name or a longer one that holds it: `eu.seebetter.ini.chips.davis.DAVIS240C`. */
function chipNamed(name: string): Chip | undefined {
  const upper = name.toUpperCase();
  return chips.find((chip) => upper.includes(chip.name));
}

const recordBytes = 8;
/** Real headers hold up to 304 kB: a dump of all of jAER's preferences. */
const headerBytesMax = 1 << 24;
const lineBytesMax = 1 << 16;
const headerEnd = "#End Of ASCII Header";
const hash = 0x23;
const lineFeed = 0x0a;

/** Bits of a DAVIS address (jAER `DavisChip.java`). */
const davisNotEvent = 0x80000000;
const davisSpecial = 0x400;
const davisImu = 0xc00;
/** Bits that only frame words use. */
const davisAdc = 0x3ff;

class Aedat2Decoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private chip: Chip | undefined;
  private inHeader = true;
  private lines = 0;
  /** Bytes of the header's next line that have been looked at. */
  private lineBytes = 0;
  /** Added to times: 2^32 for each time that the 32 bits ran over. */
  private baseUs = 0;
  private lastStored = 0;
  /** Where the records begin. */
  private dataByte = 0;
  /** Words that are no event; made when the first one comes and somebody wants them. */
  private beside: Aedat2Beside | undefined;
  private readonly imuScale: ImuScale = { ...usualImuScale };

  constructor(options: DecodeOptions) {
    this.options = options;
    if (options.chip !== undefined) this.use(chipOption(options.chip));
  }

  get problems() {
    return this.seen.list;
  }

  get besideTypes(): readonly BesideType[] {
    return this.chip?.layout === "dvs128" ? ["triggers"] : aedat2.readsBeside!;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    while (this.inHeader && !this.seen.over) if (!this.readLine()) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      const records = this.feed.takeRecords(recordBytes, readEventsMax - into.count);
      if (records === 0) return false;
      this.decode(records, into);
    }
    return !this.seen.over;
  }

  async seek(file: RandomAccess, timeUs: number): Promise<number | undefined> {
    if (this.inHeader || !this.chip || this.baseUs > 0 || this.seen.over) return undefined;
    const isDavis = this.chip.layout === "davis";
    const timeOf = (bytes: Uint8Array, at: number) => {
      const address = uint32(bytes, at);
      const isEvent = isDavis ? (address & (davisNotEvent | davisSpecial)) === 0 : address >>> 15 === 0;
      const stored = uint32(bytes, at + 4) | 0;
      // A time base that runs over is left to reading.
      return isEvent && stored >= 0 ? stored : Number.NaN;
    };
    const lastByte = this.dataByte + recordBytes * Math.floor((file.size - this.dataByte) / recordBytes - 1);
    const [last] = await file.read(lastByte + 4, 1);
    if (last === undefined || last > 0x7f) return undefined;
    const offset = await findRecord(file, this.dataByte, recordBytes, timeOf, timeUs);
    if (offset !== undefined) this.feed.moveTo(offset);
    return offset;
  }

  end(): void {
    if (this.geometry === undefined) this.geometry = this.options.geometry ?? null;
    if (this.lines === 0) this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (this.feed.available > 0)
      this.seen.stop("the file is cut: it ends inside an event", this.feed.offset);
  }

  /** Looks at the header's next line; false when it isn't all here. */
  private readLine(): boolean {
    const { feed } = this;
    while (feed.take(this.lineBytes + 1)) {
      this.lineBytes += 1;
      const last = feed.bytes[feed.start + this.lineBytes - 1]!;
      // Older files don't mark the header's end, and an address may begin with the byte of `#`; its last byte is 0.
      const isData = this.lineBytes === 1 ? last !== hash : last < 9;
      if (isData || this.lineBytes > lineBytesMax) {
        feed.untake(this.lineBytes);
        this.endHeader();
        return true;
      }
      if (last === lineFeed) {
        const text = latin1(feed.bytes, feed.start, this.lineBytes);
        this.lineBytes = 0;
        this.takeLine(text);
        return true;
      }
      feed.untake(this.lineBytes);
    }
    return false;
  }

  private takeLine(text: string): void {
    if (this.lines === 0 && !text.startsWith(versionLine)) this.seen.stop("not AEDAT 2.0", 0);
    this.lines += 1;
    const chipName = /^# ?AEChip: *(\S+)/.exec(text)?.[1];
    if (chipName !== undefined && !this.chip && !this.options.geometry) {
      const chip = chipNamed(chipName);
      if (chip) this.use(chip);
      else this.seen.stop("the header names a chip that is not known", this.feed.offset - text.length);
    }
    const [, setting, reach] = /"(ImuAccelScaleG|GyroFullScaleDegPerSec)(\d{1,4})"/.exec(text) ?? [];
    if (setting === "ImuAccelScaleG") this.imuScale.g = Number(reach);
    else if (setting !== undefined) this.imuScale.degPerS = Number(reach);
    if (text.startsWith(headerEnd)) this.endHeader();
    else if (this.feed.offset > headerBytesMax) this.seen.stop("the header is too long", this.feed.offset);
  }

  private endHeader(): void {
    if (this.lines === 0) this.seen.stop("not AEDAT 2.0", 0);
    this.inHeader = false;
    this.dataByte = this.feed.offset;
    this.lineBytes = 0;
    if (!this.chip && this.options.geometry) this.use(chipOfSize(this.options.geometry));
  }

  private use(chip: Chip): void {
    this.chip = chip;
    this.geometry = this.options.geometry ?? pixels(chip.width, chip.height);
  }

  /** With no chip in the header, the first word tells the layouts apart: a DVS128's address has 16 bits. */
  private guessChip(firstAddress: number, firstByte: number): void {
    const name = firstAddress > 0xffff ? "DAVIS240" : "DVS128";
    this.use(chips.find((chip) => chip.name === name)!);
    this.seen.note(`the header names no chip, taken for a ${name}`, firstByte);
  }

  private decode(records: number, into: Packet): void {
    const { bytes, start, offset } = this.feed;
    if (!this.chip) this.guessChip(uint32(bytes, start), offset - records * recordBytes);
    const before = into.count;
    const wordsBefore = this.wordsBeside();
    const timeBefore = { baseUs: this.baseUs, lastStored: this.lastStored };
    const fast = kernels();
    if (fast) {
      const { width, height } = this.geometry!;
      const { run, state } = fast;
      const kernel = this.chip!.layout === "davis" ? run.aedat2Davis : run.aedat2Dvs128;
      fast.take(bytes, start, records * recordBytes);
      inTurns(
        records,
        (from) => {
          const done = kernel(from, records, this.baseUs, this.lastStored, width, height);
          fast.give(into, state[0]!);
          if (state[0]! > 0) this.lastStored = into.times[into.count - 1]! - this.baseUs;
          this.count("frames", state[1]!);
          this.count("imu", state[2]!);
          this.count("triggers", state[3]!);
          return from + done;
        },
        (from, to) => this.decodePlain(from, to, records, into),
      );
    } else this.decodePlain(0, records, records, into);
    this.streams[0]!.count += into.count - before;
    // They are looked for once more only where there are some.
    if (this.options.beside && this.wordsBeside() > wordsBefore) this.handOutBeside(records, timeBefore);
  }

  private wordsBeside(): number {
    return this.streams.reduce((sum, { count }, i) => (i === 0 ? sum : sum + count), 0);
  }

  private handOutBeside(
    records: number,
    { baseUs, lastStored }: { baseUs: number; lastStored: number },
  ): void {
    const { bytes, start } = this.feed;
    const isDavis = this.chip!.layout === "davis";
    this.beside ??= new Aedat2Beside(this.geometry!, this.imuScale);
    let turnsUs = baseUs;
    let last = lastStored;
    for (let i = 0, at = start; i < records; i++, at += recordBytes) {
      const address = uint32(bytes, at);
      const stored = uint32(bytes, at + 4) | 0;
      if (stored - last < -halfTurnUs) turnsUs += turnUs;
      last = stored;
      const timeUs = turnsUs + stored;
      const isEvent = isDavis ? (address & (davisNotEvent | davisSpecial)) === 0 : address >>> 15 !== 1;
      if (isEvent || timeUs < 0) continue;
      const record = isDavis ? this.beside.davis(address, timeUs) : this.beside.dvs128(timeUs);
      if (record) this.options.beside?.(record);
    }
  }

  /** Words to columns, as `aedat2.kernel.ts` does where nothing is odd: of `records`, those from `first` to `end`. */
  private decodePlain(first: number, end: number, records: number, into: Packet): number {
    const { bytes, start, offset } = this.feed;
    const isDavis = this.chip!.layout === "davis";
    const { width, height } = this.geometry!;
    const { times, addresses } = into;
    let n = into.count;
    let frames = 0;
    let imu = 0;
    let triggers = 0;
    for (let i = first, at = start + first * recordBytes; i < end; i++, at += recordBytes) {
      const address = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
      let x = 0;
      let y = 0;
      let on = 0;
      if (isDavis) {
        if ((address & davisNotEvent) !== 0) {
          if ((address & davisImu) === davisImu) imu += 1;
          else frames += 1;
          continue;
        }
        if ((address & davisSpecial) !== 0) {
          triggers += 1;
          continue;
        }
        if ((address & davisAdc) !== 0) {
          this.seen.leaveOut(
            "word that is no address of the chip, left out",
            offset - (records - i) * recordBytes,
          );
          continue;
        }
        x = width - 1 - ((address >>> 12) & 0x3ff);
        y = height - 1 - ((address >>> 22) & 0x1ff);
        on = (address >>> 11) & 1;
      } else {
        if (address >>> 15 !== 0) {
          if (address >>> 16 === 0) triggers += 1;
          else
            this.seen.leaveOut(
              "word that is no address of the chip, left out",
              offset - (records - i) * recordBytes,
            );
          continue;
        }
        x = width - 1 - ((address >>> 1) & 0x7f);
        y = height - 1 - ((address >>> 8) & 0x7f);
        on = address & 1;
      }
      if (x < 0 || y < 0) {
        this.seen.leaveOut("event outside the sensor, left out", offset - (records - i) * recordBytes);
        continue;
      }
      const stored = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!;
      let timeUs = this.baseUs + stored;
      const step = stored - this.lastStored;
      if (step < -halfTurnUs || (step > halfTurnUs && this.baseUs > 0)) {
        // A fall of more than half of 32 bits is an overflow; a rise of as much, an event from just before one.
        if (step < 0) {
          this.baseUs += turnUs;
          timeUs += turnUs;
          this.lastStored = stored;
        } else timeUs -= turnUs;
      } else this.lastStored = stored;
      times[n] = timeUs;
      addresses[n] = (y << 16) | (x << 1) | on;
      n += 1;
    }
    into.count = n;
    this.count("frames", frames);
    this.count("imu", imu);
    this.count("triggers", triggers);
    return end;
  }

  /** Frames and IMU samples come in words between the events, and are counted in words: a frame is hundreds of thousands. */
  private count(type: StreamInfo["type"], words: number): void {
    countBeside(this.streams, type, words);
  }
}

const versionLine = "#!AER-DAT2.0";
const turnUs = 4294967296;
const halfTurnUs = 2147483648;

function chipOption(name: string): Chip {
  const chip = chipNamed(name);
  if (chip) return chip;
  const nearest = nearestName(name, aedat2Chips);
  throw new ReflexarcError({
    kind: "usage",
    room: "aedat2",
    what: `no chip is called "${name}"`,
    remedy: `${nearest ? `Did you mean ${nearest}? ` : ""}Known chips: ${aedat2Chips.join(", ")}.`,
  });
}

/** The chip of a size; another size takes the layout that can hold it. */
function chipOfSize({ width, height }: PixelGeometry): Chip {
  const same = chips.find((chip) => chip.width === width && chip.height === height);
  return same ?? (width <= 128 && height <= 128 ? chips[0]! : chips[1]!);
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function latin1(bytes: Uint8Array, from: number, count: number): string {
  let text = "";
  for (let i = from; i < Math.min(from + count, bytes.length); i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

class Aedat2Encoder implements Encoder {
  private readonly chip: Chip;
  private readonly left = new Problems();
  private offset = 0;
  private lastUs: number | undefined;

  constructor(geometry: Geometry, options: EncodeOptions) {
    this.chip =
      options.chip === undefined
        ? chipOfSize(pixels(geometry.width, geometry.height))
        : chipOption(options.chip);
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    const lines = [versionLine, "# Written by reflexarc", `# AEChip: ${this.chip.name}`, headerEnd];
    const header = new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(""));
    this.offset = header.length;
    return header;
  }

  push(packet: Packet): Uint8Array {
    const { width, height, layout } = this.chip;
    const out = new Uint8Array(packet.count * recordBytes);
    const view = new DataView(out.buffer);
    let n = 0;
    for (let i = 0; i < packet.count; i++) {
      const address = packet.addresses[i]!;
      const timeUs = packet.times[i]!;
      const x = width - 1 - ((address >>> 1) & 0x7fff);
      const y = height - 1 - (address >>> 16);
      const stepUs = timeUs - (this.lastUs ?? 0);
      if (x < 0 || y < 0 || stepUs < -halfTurnUs || stepUs >= halfTurnUs) {
        this.left.leaveOut("event outside the chip or 32 bits of time from the one before", this.offset + n);
        continue;
      }
      this.lastUs = timeUs;
      const on = address & 1;
      view.setUint32(n, layout === "davis" ? (y << 22) | (x << 12) | (on << 11) : (y << 8) | (x << 1) | on);
      view.setInt32(n + 4, timeUs);
      n += recordBytes;
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
