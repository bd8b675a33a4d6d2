/** The trace of a run: what each stage said, at which packet time, as JSON lines that no cut of the packets changes. */

import type { Packet } from "../events/packet.ts";
import { nextGridUs } from "../events/time.ts";
import type { Commands } from "../safety/command.ts";

/** Packets are told in windows of this length. */
export const traceWindowUs = 10_000;

/** How packets are written: as a count and a digest, or event by event. */
export type PacketDetail = "digest" | "list";

interface Record {
  atUs: number;
  stage: number;
  line: string;
}

/** Takes the records of a stage: `say` adds one, `reached` tells how far it has come. */
export interface RecordTap {
  say(atUs: number, record: object): void;
  reached(toUs: number): void;
}

/** How far one tapped stage has come. */
interface Tap {
  reachedUs: number;
  /** Closes what is still open when the run ends. */
  close?(): void;
}

/** What a trace hears of one stage. */
export interface StreamTap<Batch> {
  next(batch: Batch): void;
  /** The stage gives no more: it holds nobody's lines back. */
  complete(): void;
}

function over(tap: Tap): void {
  tap.close?.();
  tap.reachedUs = Number.POSITIVE_INFINITY;
}

/**
 * Collects records of all stages and writes them in order of packet time, then of the stage's place in the document.
 * A record is written once every stage has come past its time, so the lines don't depend on how packets were cut.
 */
export class Trace {
  readonly #write: (line: string) => void;
  readonly #taps: Tap[] = [];
  #records: Record[] = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Writes the first line: what the run is of. Call it before the first packet. */
  begin(header: object): void {
    this.#write(JSON.stringify(header));
  }

  /** What hears each packet that a stage gives, and that there are no more. */
  tapPackets(stage: number, id: string, detail: PacketDetail): StreamTap<Packet> {
    const digest = new Digest();
    let listed: [number, number][] = [];
    let count = 0;
    let windowEndUs = Number.NaN;
    const tap: Tap = { reachedUs: Number.NEGATIVE_INFINITY };
    const closeWindow = (atUs: number) => {
      if (count === 0) return;
      const said = detail === "list" ? { spikes: listed } : { events: count, digest: digest.take() };
      this.#add(atUs, stage, { stage: id, ...said });
      listed = [];
      count = 0;
    };
    tap.close = () => closeWindow(tap.reachedUs);
    this.#taps.push(tap);
    const next = (packet: Packet) => {
      if (Number.isNaN(windowEndUs)) windowEndUs = nextGridUs(packet.fromUs, traceWindowUs);
      for (let i = 0; i < packet.count; i++) {
        const timeUs = packet.times[i]!;
        if (timeUs >= windowEndUs) {
          closeWindow(windowEndUs);
          windowEndUs = nextGridUs(timeUs, traceWindowUs);
        }
        count += 1;
        if (detail === "list") listed.push([timeUs, packet.addresses[i]!]);
        else digest.add(timeUs, packet.addresses[i]!);
      }
      if (packet.toUs >= windowEndUs) {
        closeWindow(windowEndUs);
        windowEndUs = nextGridUs(packet.toUs, traceWindowUs);
      }
      tap.reachedUs = packet.toUs;
    };
    return { next, complete: () => over(tap) };
  }

  /** What hears each batch of commands that a readout gives, and that there are no more. */
  tapCommands(stage: number, id: string): StreamTap<Commands> {
    const tap: Tap = { reachedUs: Number.NEGATIVE_INFINITY };
    this.#taps.push(tap);
    const next = (batch: Commands) => {
      for (const { atUs, name, value, unit, sequence } of batch.commands) {
        this.#add(atUs, stage, { stage: id, command: name, value, unit, sequence });
      }
      tap.reachedUs = batch.toUs;
    };
    return { next, complete: () => over(tap) };
  }

  /** For a stage with records of its own kind. */
  tapRecords(stage: number, id: string): RecordTap {
    const tap: Tap = { reachedUs: Number.NEGATIVE_INFINITY };
    this.#taps.push(tap);
    return {
      say: (atUs, record) => this.#add(atUs, stage, { stage: id, ...record }),
      reached: (toUs) => {
        tap.reachedUs = toUs;
      },
    };
  }

  /** Writes what no stage can precede any more. Call it between packets of the sources. */
  flush(): void {
    this.#writeUntil(Math.min(...this.#taps.map((tap) => tap.reachedUs)));
  }

  end(): void {
    for (const tap of this.#taps) tap.close?.();
    this.#writeUntil(Number.POSITIVE_INFINITY);
  }

  #add(atUs: number, stage: number, record: object): void {
    this.#records.push({ atUs, stage, line: JSON.stringify({ atUs, ...record }) });
  }

  #writeUntil(timeUs: number): void {
    // Records of one stage come in order, and the sort is stable: equal keys keep that order.
    const ready = this.#records.filter((record) => record.atUs <= timeUs);
    if (ready.length === 0) return;
    this.#records = this.#records.filter((record) => record.atUs > timeUs);
    ready.sort((a, b) => a.atUs - b.atUs || a.stage - b.stage);
    for (const record of ready) this.#write(record.line);
  }
}

/** A 64-bit digest of events in order: two multiply-xor lanes over time and address. It names a change, it is no signature. */
class Digest {
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;

  add(timeUs: number, address: number): void {
    const low = timeUs >>> 0;
    const high = Math.floor(timeUs / 4294967296) >>> 0;
    this.#a = Math.imul(this.#a ^ low, 0x01000193) ^ (this.#a >>> 15);
    this.#a = Math.imul(this.#a ^ address, 0x01000193);
    this.#b = Math.imul(this.#b ^ address, 0x5bd1e995) ^ (this.#b >>> 13);
    this.#b = Math.imul(this.#b ^ low ^ Math.imul(high, 0x27d4eb2f), 0x5bd1e995);
  }

  /** The digest in hexadecimal; starts anew. */
  take(): string {
    const text = [this.#a, this.#b].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
    this.#a = 0x9e3779b9;
    this.#b = 0x85ebca6b;
    return text;
  }
}
