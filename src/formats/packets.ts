/** From a file's bytes to packets: sorted, cut on the fixed grid of time, with every repair counted. */

import { ReflexarcError } from "../errors.ts";
import { type PixelGeometry, pixels } from "../events/geometry.ts";
import { Packet, packetEventsMax } from "../events/packet.ts";
import { nextGridUs } from "../events/time.ts";
import { type Decoder, type Format, type Problem, readEventsMax, type StreamInfo } from "./format.ts";

export interface PacketOptions {
  /** A packet ends after so many events, and after those of the same time as its last one. */
  readonly packetEvents: number;
  /** A packet ends at each multiple of this time, so a silence comes as ticks. */
  readonly packetUs: number;
}

export const packetDefaults: PacketOptions = { packetEvents: 4096, packetUs: 10_000 };

/** A step ahead of more than this is believed only when the next event doesn't step back before it. */
const jumpUs = 10_000_000;
/** No recording is silent for longer: such a time is damage, and its ticks would never end. */
const silenceUsMax = 3_600_000_000;

/** What was done to times that break the packet law, and to events that no packet can hold. */
export interface Repairs {
  /** A time before the one of the event before it was set to that one. */
  steppedBack: number;
  /** A time far ahead, after which time stepped back: the event was left out. */
  jumpedAhead: number;
  /** More events of one and the same time than a packet holds were left out. */
  tooManyAtOnce: number;
  /** Where the first of them was: how many events came out before it, and its time in the file. */
  first?: { readonly afterEvents: number; readonly fileUs: number };
}

/** One recording as packets. */
export interface PacketReader {
  readonly geometry: PixelGeometry;
  readonly streams: readonly StreamInfo[];
  /** Grows while the packets are read. */
  readonly problems: readonly Problem[];
  readonly repairs: Readonly<Repairs>;
  /** Can be read once. Throws a ReflexarcError of kind input after the last good packet of a cut or damaged file. */
  readonly packets: AsyncIterable<Packet>;
  /** Lets go of the bytes, whether the packets were read or not. */
  close(): Promise<void>;
}

/**
 * Reads a recording as packets that obey the law: in order of time, all events of one time together, spans without a
 * gap from the first event's time to one microsecond after the last. Reads ahead only as far as the geometry.
 * `where` names the file in errors. Throws a ReflexarcError when the file tells no geometry.
 */
export async function readPackets(
  pieces: AsyncIterable<Uint8Array>,
  format: Format,
  decoder: Decoder,
  where: string,
  options: PacketOptions = packetDefaults,
): Promise<PacketReader> {
  const staged = new Packet(pixels(1, 1), readEventsMax);
  const source = new Source(pieces, decoder, staged);
  while (decoder.geometry === undefined && !source.ended) await source.fill();
  if (!decoder.geometry) {
    await source.close();
    throw source.failure ?? damageOf(decoder.problems, format, where, 0) ?? noGeometry(format, where);
  }
  const cutter = new Cutter(staged, decoder.geometry, options);
  return {
    geometry: decoder.geometry,
    streams: decoder.streams,
    problems: decoder.problems,
    repairs: cutter.repairs,
    packets: packetsOf(source, cutter, () =>
      cutter.endless
        ? endless(format, where, cutter)
        : damageOf(decoder.problems, format, where, cutter.events),
    ),
    close: () => source.close(),
  };
}

async function* packetsOf(
  source: Source,
  cutter: Cutter,
  damage: () => ReflexarcError | undefined,
): AsyncGenerator<Packet, void, undefined> {
  try {
    for (;;) {
      while (cutter.cut(source.ended)) yield cutter.out;
      if (source.ended || cutter.endless) break;
      await source.fill();
    }
    if (cutter.finish()) yield cutter.out;
  } finally {
    await source.close();
  }
  const error = source.failure ?? damage();
  if (error) throw error;
}

/** Pulls pieces of the file through the decoder, a portion of events at a time. */
class Source {
  ended = false;
  /** Why the bytes stopped coming; the events before it are still good. */
  failure: unknown;
  private readonly pieces: AsyncIterator<Uint8Array>;
  private readonly decoder: Decoder;
  private readonly staged: Packet;
  private more = false;
  private noPieces = false;

  constructor(pieces: AsyncIterable<Uint8Array>, decoder: Decoder, staged: Packet) {
    this.pieces = pieces[Symbol.asyncIterator]();
    this.decoder = decoder;
    this.staged = staged;
  }

  /** Appends the next events to `staged`, maybe none. */
  async fill(): Promise<void> {
    if (!this.more && !this.noPieces) {
      const bytes = await this.nextPiece();
      this.noPieces = !bytes || this.decoder.problems.some(({ fatal }) => fatal);
      if (!this.noPieces) this.decoder.push(bytes!);
      else if (!this.failure) this.decoder.end();
    }
    this.more = this.decoder.read(this.staged);
    this.ended = this.noPieces && !this.more;
  }

  async close(): Promise<void> {
    await this.pieces.return?.();
  }

  private async nextPiece(): Promise<Uint8Array | undefined> {
    try {
      const next = await this.pieces.next();
      return next.done ? undefined : next.value;
    } catch (error) {
      this.failure = error;
      return undefined;
    }
  }
}

/** Moves events from `staged` to `out`, one packet at a time. */
class Cutter {
  readonly out: Packet;
  readonly repairs: Repairs = { steppedBack: 0, jumpedAhead: 0, tooManyAtOnce: 0 };
  /** How many events came out. */
  events = 0;
  /** Time went so far ahead that nothing more can be read. */
  endless = false;
  private readonly staged: Packet;
  private readonly options: PacketOptions;
  /** Of the next event in `staged`. */
  private at = 0;
  private lastUs = Number.NEGATIVE_INFINITY;
  /** Where the next packet starts, when the last one is complete. */
  private nextFromUs = Number.NaN;
  /** End of the packet at the latest. */
  private gridUs = 0;

  constructor(staged: Packet, geometry: PixelGeometry, options: PacketOptions) {
    this.staged = staged;
    this.options = options;
    this.out = new Packet(geometry, options.packetEvents + 1);
  }

  /** True when `out` is complete; false when it needs more events, after which `staged` has room for them. */
  cut(ended: boolean): boolean {
    const { staged, out, options } = this;
    const { packetEvents } = options;
    const { times, addresses } = staged;
    if (!Number.isNaN(this.nextFromUs)) this.begin(this.nextFromUs);
    let { lastUs, gridUs } = this;
    let n = out.count;
    let i = this.at;
    let complete = false;
    let outTimes = out.times;
    let outAddresses = out.addresses;
    for (; i < staged.count; i++) {
      const run = runLength(times, i, Math.min(staged.count, i + packetEvents - n), lastUs, gridUs);
      if (run > 0) {
        copyRun(staged, i, out, n, run);
        i += run;
        n += run;
        lastUs = times[i - 1]!;
        if (i === staged.count) break;
      }
      let timeUs = times[i]!;
      const stepUs = timeUs - lastUs;
      if (!(stepUs >= 0 && stepUs <= jumpUs)) {
        if (stepUs < 0) {
          this.repairs.steppedBack += 1;
          this.noteFirst(n, timeUs);
          timeUs = lastUs;
        } else if (i + 1 === staged.count && !ended) break;
        else if (i + 1 < staged.count && times[i + 1]! < timeUs - jumpUs / 2) {
          this.repairs.jumpedAhead += 1;
          this.noteFirst(n, timeUs);
          continue;
        } else if (lastUs === Number.NEGATIVE_INFINITY) {
          this.begin(timeUs);
          gridUs = this.gridUs;
        } else if (stepUs > silenceUsMax) {
          this.endless = true;
          staged.count = i;
          break;
        }
      }
      if (timeUs >= gridUs || (n >= packetEvents && timeUs > lastUs)) {
        out.toUs = timeUs >= gridUs ? gridUs : lastUs + 1;
        complete = true;
        break;
      }
      if (n >= packetEvents) {
        if (n === packetEventsMax) {
          this.repairs.tooManyAtOnce += 1;
          this.noteFirst(n, timeUs);
          continue;
        }
        this.makeRoom(n);
        outTimes = out.times;
        outAddresses = out.addresses;
      }
      outTimes[n] = timeUs;
      outAddresses[n] = addresses[i]!;
      lastUs = timeUs;
      n += 1;
    }
    out.count = n;
    if (complete) this.events += n;
    this.lastUs = lastUs;
    this.at = i;
    if (complete) this.nextFromUs = out.toUs;
    else this.keepRest();
    return complete;
  }

  /** Closes the last packet; false when there is none. */
  finish(): boolean {
    this.out.toUs = this.lastUs + 1;
    this.events += this.out.count;
    return this.out.count > 0;
  }

  get lastEventUs(): number {
    return this.lastUs;
  }

  private begin(fromUs: number): void {
    this.gridUs = nextGridUs(fromUs, this.options.packetUs);
    this.out.begin(fromUs, this.gridUs);
    this.nextFromUs = Number.NaN;
  }

  private noteFirst(count: number, fileUs: number): void {
    this.repairs.first ??= { afterEvents: this.events + count, fileUs };
  }

  /** For a group of one time that is larger than a packet. */
  private makeRoom(count: number): void {
    this.out.count = count;
    this.out.reserve(count + 1);
  }

  /** Makes room in `staged`: at most the one event stays that waits for the next one. */
  private keepRest(): void {
    const { staged, at } = this;
    staged.times.copyWithin(0, at, staged.count);
    staged.addresses.copyWithin(0, at, staged.count);
    staged.count -= at;
    this.at = 0;
  }
}

/** How many of `times[from .. to)` follow the one before without a step back or a jump, and lie before `gridUs`. */
function runLength(times: Float64Array, from: number, to: number, lastUs: number, gridUs: number): number {
  const endUs = Math.min(gridUs, lastUs + jumpUs);
  let i = from;
  for (let beforeUs = lastUs; i < to; i++) {
    const timeUs = times[i]!;
    if (!(timeUs >= beforeUs && timeUs < endUs)) break;
    beforeUs = timeUs;
  }
  return i - from;
}

/** Shorter ones are copied faster one by one than by a call. */
const callMin = 32;

function copyRun(from: Packet, at: number, to: Packet, into: number, count: number): void {
  const { times, addresses } = from;
  if (count >= callMin) {
    to.times.set(times.subarray(at, at + count), into);
    to.addresses.set(addresses.subarray(at, at + count), into);
    return;
  }
  const { times: toTimes, addresses: toAddresses } = to;
  for (let k = 0; k < count; k++) {
    toTimes[into + k] = times[at + k]!;
    toAddresses[into + k] = addresses[at + k]!;
  }
}

function damageOf(
  problems: readonly Problem[],
  format: Format,
  where: string,
  events: number,
): ReflexarcError | undefined {
  const problem = problems.find(({ fatal }) => fatal);
  if (!problem) return undefined;
  return new ReflexarcError({
    kind: "input",
    room: format.name,
    what: problem.what,
    where: `${where}, byte ${problem.firstByte}`,
    remedy: `The ${events} events before it are good; for the rest copy or record the file again.`,
  });
}

function noGeometry(format: Format, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: format.name,
    what: "the file doesn't tell the size of its sensor",
    where,
    remedy: `Give it, for example "geometry: 346x260".`,
  });
}

function endless(format: Format, where: string, cutter: Cutter): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room: format.name,
    what: "time jumps more than an hour ahead",
    where: `${where}, after ${cutter.lastEventUs} us`,
    remedy: `The ${cutter.events} events before it are good; the rest is damaged or another recording.`,
  });
}
