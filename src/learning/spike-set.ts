/** Labelled spike trains in steps: what networks are trained on and judged by. */

import { ReflexarcError } from "../errors.ts";

/**
 * Samples in columns. Sample n has in step t the entries `starts[n * steps + t]` to `starts[n * steps + t + 1]`: which
 * input neurons got spikes, and how many. The arrays may be shared between threads; nobody writes to them.
 */
export interface SpikeSet {
  /** Neurons of the input. */
  readonly inputs: number;
  readonly steps: number;
  readonly stepUs: number;
  readonly labels: Uint16Array;
  readonly starts: Uint32Array;
  readonly ids: Uint32Array;
  readonly counts: Float32Array;
}

/** What came in over the steps of one sample, or what a layer gave: entries by step. */
export interface Events {
  /** Entries of step t: `starts[t]` to `starts[t + 1]`. */
  readonly starts: Uint32Array;
  readonly ids: Uint32Array;
  readonly values: Float32Array | Float64Array;
}

/** Most entries of a set: what a typed array of offsets can tell. */
const entriesMax = 1 << 28;

export interface SpikeSetShape {
  readonly inputs: number;
  readonly steps: number;
  readonly stepUs: number;
}

/** Collects samples. */
export interface SpikeSetBuilder {
  /**
   * Adds a sample: `times` in microseconds from the sample's start, not descending, and the input neuron of each spike.
   * Spikes after the last step are left out. Throws a ReflexarcError.
   */
  add(label: number, times: ArrayLike<number>, ids: ArrayLike<number>, count?: number): void;
  build(): SpikeSet;
}

export function spikeSetBuilder({ inputs, steps, stepUs }: SpikeSetShape): SpikeSetBuilder {
  const labels: number[] = [];
  const starts: number[] = [0];
  let ids = new Uint32Array(1024);
  let counts = new Float32Array(1024);
  let filled = 0;
  const frame = new Float32Array(inputs);

  function endStep(): void {
    for (let id = 0; id < inputs; id++) {
      if (frame[id] === 0) continue;
      if (filled === ids.length) {
        if (filled >= entriesMax) throw refused(`more than ${entriesMax} entries`, "Take fewer samples.");
        ids = grown(ids, new Uint32Array(2 * filled));
        counts = grown(counts, new Float32Array(2 * filled));
      }
      ids[filled] = id;
      counts[filled] = frame[id]!;
      filled += 1;
      frame[id] = 0;
    }
    starts.push(filled);
  }

  return {
    add(label, times, given, count = times.length) {
      if (!Number.isInteger(label) || label < 0 || label > 65_535)
        throw refused(`the label ${label}`, "Labels are whole numbers from 0 to 65535.");
      labels.push(label);
      let step = 0;
      for (let k = 0; k < count; k++) {
        const at = Math.floor(times[k]! / stepUs);
        if (at >= steps) break;
        if (at < step) throw refused(`a spike at ${times[k]} us after a later one`, "Sort them by time.");
        for (; step < at; step++) endStep();
        const id = given[k]!;
        if (!(id < inputs)) throw refused(`a spike of neuron ${id} of ${inputs}`, "Check the input's shape.");
        frame[id] = frame[id]! + 1;
      }
      for (; step < steps; step++) endStep();
    },
    build() {
      return {
        ...{ inputs, steps, stepUs },
        labels: sharedCopy(Uint16Array, labels),
        starts: sharedCopy(Uint32Array, starts),
        ids: sharedCopy(Uint32Array, ids.subarray(0, filled)),
        counts: sharedCopy(Float32Array, counts.subarray(0, filled)),
      };
    },
  };
}

function grown<T extends Uint32Array | Float32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** In memory that threads can share. */
function sharedCopy<T extends Uint16Array | Uint32Array | Float32Array>(
  kind: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  values: ArrayLike<number>,
): T {
  const copy = new kind(new SharedArrayBuffer(values.length * kind.BYTES_PER_ELEMENT));
  copy.set(values);
  return copy;
}

function refused(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "input", room: "learning", what, remedy });
}
