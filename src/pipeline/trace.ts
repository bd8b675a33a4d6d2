/** The trace of a run: what each stage said, at which packet time, as JSON lines that no cut of the packets changes. */

import type { Packet } from "../events/packet.ts";
import type { Samples } from "../events/samples.ts";
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
    return this.#tapWindows(stage, id, detail === "list" ? listedSpikes() : digestedEvents());
  }

  /** The same for samples: a digest over the times and values, bit by bit, or the samples themselves. */
  tapSamples(stage: number, id: string, detail: PacketDetail): StreamTap<Samples> {
    return this.#tapWindows(stage, id, detail === "list" ? listedSamples() : digestedSamples());
  }

  #tapWindows<Batch extends Packet | Samples>(
    stage: number,
    id: string,
    window: Window<Batch>,
  ): StreamTap<Batch> {
    let count = 0;
    let windowEndUs = Number.NaN;
    const tap: Tap = { reachedUs: Number.NEGATIVE_INFINITY };
    const closeWindow = (atUs: number) => {
      if (count === 0) return;
      this.#add(atUs, stage, { stage: id, ...window.take(count) });
      count = 0;
    };
    tap.close = () => closeWindow(tap.reachedUs);
    this.#taps.push(tap);
    const next = (batch: Batch) => {
      if (Number.isNaN(windowEndUs)) windowEndUs = nextGridUs(batch.fromUs, traceWindowUs);
      for (let i = 0; i < batch.count; i++) {
        const timeUs = window.timeUs(batch, i);
        if (timeUs >= windowEndUs) {
          closeWindow(windowEndUs);
          windowEndUs = nextGridUs(timeUs, traceWindowUs);
        }
        count += 1;
        window.add(batch, i, timeUs);
      }
      if (batch.toUs >= windowEndUs) {
        closeWindow(windowEndUs);
        windowEndUs = nextGridUs(batch.toUs, traceWindowUs);
      }
      tap.reachedUs = batch.toUs;
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

/** What a trace says of one window of a stream. */
interface Window<Batch> {
  timeUs(batch: Batch, i: number): number;
  add(batch: Batch, i: number, timeUs: number): void;
  /** What was added since the last time, as a part of a record. */
  take(count: number): object;
}

function digestedEvents(): Window<Packet> {
  const digest = new Digest();
  return {
    timeUs: ({ times }, i) => times[i]!,
    add: ({ addresses }, i, timeUs) => digest.add(timeUs, addresses[i]!),
    take: (count) => ({ events: count, digest: digest.take() }),
  };
}

function listedSpikes(): Window<Packet> {
  let listed: [number, number][] = [];
  return {
    timeUs: ({ times }, i) => times[i]!,
    add: ({ addresses }, i, timeUs) => listed.push([timeUs, addresses[i]!]),
    take() {
      const spikes = listed;
      listed = [];
      return { spikes };
    },
  };
}

function digestedSamples(): Window<Samples> {
  const digest = new Digest();
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);
  return {
    timeUs: (samples, i) => samples.timeUs(i),
    add({ columns }, i, timeUs) {
      // A time between two microseconds: its fraction goes in with the first value.
      const wholeUs = Math.floor(timeUs);
      double[0] = timeUs - wholeUs;
      digest.add(wholeUs, (words[0]! ^ words[1]!) >>> 0);
      for (const column of columns) {
        double[0] = column[i]!;
        digest.add(words[0]!, words[1]!);
      }
    },
    take: (count) => ({ samples: count, digest: digest.take() }),
  };
}

function listedSamples(): Window<Samples> {
  let listed: number[][] = [];
  return {
    timeUs: (samples, i) => samples.timeUs(i),
    add: ({ columns }, i, timeUs) => listed.push([timeUs, ...columns.map((column) => column[i]!)]),
    take() {
      const samples = listed;
      listed = [];
      return { samples };
    },
  };
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
