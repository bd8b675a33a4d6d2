/** Feedback: what an actuator shows becomes samples of a sensor in the same document, which the network hears a moment later. */

import type { Subject } from "rxjs";
import type { ChannelGeometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { Samples } from "../events/samples.ts";
import { nextGridUs } from "../events/time.ts";
import type { ReadBack } from "../stage.ts";
import type { Sensed } from "./sources.ts";

export interface Loop {
  readonly readBack: ReadBack;
  readonly geometry: ChannelGeometry;
  /** Where the samples go into the graph. */
  readonly input: Subject<Sensed>;
  /** What the actuator shows at a packet time that it has reached. */
  readonly readings: (atUs: number) => Readonly<Record<string, number>>;
}

/**
 * At each point g of a loop's grid the sensor gives the span from g to the next point, with one sample: the readings at g.
 * It can do so as soon as every other sensor has come as far as g, for then the actuator has, too; and no other sensor may
 * come further before, or the network would hear of g too late. So their packets are cut at the grids (`nextCutUs`), and
 * the whole is a function of packets again: any cut and any speed gives the same.
 */
export class Feedback {
  readonly #loops: readonly { loop: Loop; samples: Samples; doneUs: number }[];

  constructor(loops: readonly Loop[]) {
    this.#loops = loops.map((loop) => ({ loop, samples: new Samples(loop.geometry, 1), doneUs: Number.NaN }));
  }

  /** The first time after `timeUs` that no packet may cross; Infinity without feedback. */
  readonly nextCutUs = (timeUs: number): number =>
    Math.min(Infinity, ...this.#loops.map(({ loop }) => nextGridUs(timeUs, loop.readBack.everyUs)));

  /** Packet time begins: the first sample is the state before the first command. */
  begin(atUs: number): void {
    for (const each of this.#loops) each.doneUs = atUs;
    this.reached(atUs);
  }

  /** Every other sensor has come as far as this, and nothing later has been said. */
  reached(atUs: number): void {
    if (atUs === Infinity) return;
    for (const each of this.#loops) {
      const { loop, samples } = each;
      const { names, everyUs } = loop.readBack;
      while (each.doneUs <= atUs) {
        const fromUs = each.doneUs;
        each.doneUs = nextGridUs(fromUs, everyUs);
        const readings = loop.readings(fromUs);
        samples.begin(fromUs, each.doneUs);
        samples.times[0] = fromUs;
        for (const [channel, name] of names.entries())
          samples.columns[channel]![0] = readings[name] ?? Number.NaN;
        // A device that tells nothing yet gives no sample.
        samples.count = names.some((name) => readings[name] !== undefined) ? 1 : 0;
        loop.input.next(samples);
      }
    }
  }

  end(): void {
    for (const { loop } of this.#loops) loop.input.complete();
  }
}

/** Hands a batch out in pieces that cross no cut; a batch that crosses none is handed out itself. Pieces are lent, too. */
export class Pieces {
  readonly #nextCutUs: (timeUs: number) => number;
  #whole: Sensed | undefined;
  #piece: Sensed | undefined;
  #fromUs = 0;
  /** How many of the batch's events or samples have been handed out. */
  #done = 0;

  constructor(nextCutUs: (timeUs: number) => number) {
    this.#nextCutUs = nextCutUs;
  }

  take(batch: Sensed): void {
    this.#whole = batch;
    this.#fromUs = batch.fromUs;
    this.#done = 0;
  }

  /** The next piece, undefined when the batch has been handed out. */
  next(): Sensed | undefined {
    const whole = this.#whole;
    if (!whole) return undefined;
    const toUs = Math.min(whole.toUs, this.#nextCutUs(this.#fromUs));
    const fromUs = this.#fromUs;
    const last = toUs === whole.toUs;
    this.#fromUs = toUs;
    if (last) this.#whole = undefined;
    if (last && this.#done === 0 && fromUs === whole.fromUs) return whole;
    const from = this.#done;
    const timeUs = (i: number) => (whole instanceof Samples ? whole.timeUs(i) : whole.times[i]!);
    while (this.#done < whole.count && (last || timeUs(this.#done) < toUs)) this.#done += 1;
    const piece =
      whole instanceof Samples
        ? this.#samples(whole, from, this.#done)
        : this.#packet(whole, from, this.#done);
    piece.begin(fromUs, toUs);
    piece.count = this.#done - from;
    return piece;
  }

  /** A view of a part of the columns: nothing is copied. */
  #packet(whole: Packet, from: number, to: number): Packet {
    const piece = this.#piece instanceof Packet ? this.#piece : new Packet(whole.geometry, 0);
    this.#piece = piece;
    piece.geometry = whole.geometry;
    piece.times = whole.times.subarray(from, to);
    piece.addresses = whole.addresses.subarray(from, to);
    return piece;
  }

  /** The same of samples. */
  #samples(whole: Samples, from: number, to: number): Samples {
    const piece = this.#piece instanceof Samples ? this.#piece : new Samples(whole.geometry, 0);
    this.#piece = piece;
    piece.geometry = whole.geometry;
    piece.originUs = whole.originUs;
    piece.first = whole.first + from;
    piece.times = whole.times.subarray(from, to);
    piece.columns = whole.columns.map((column) => column.subarray(from, to));
    return piece;
  }
}
