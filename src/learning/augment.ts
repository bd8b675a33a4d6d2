/** Samples as they might have been: moved, stretched in time, thinned; which way is decided by a seed. */

import { seededRandom } from "../random.ts";
import type { Augmentation } from "./specification.ts";
import type { Events, SpikeSet } from "./spike-set.ts";
import type { Planes } from "./synapses.ts";

/** Entries of a sample in buffers that are filled anew for each. */
export interface SampleReader {
  /** The sample as it is. */
  read(index: number): Events;
  /** The sample changed as `seed` has it. */
  readChanged(index: number, seed: number): Events;
}

export function sampleReader(set: SpikeSet, input: Planes, augmentation: Augmentation): SampleReader {
  const { steps } = set;
  let ids = new Uint32Array(1024);
  let values = new Float32Array(1024);
  let atSteps = new Uint32Array(1024);
  const starts = new Uint32Array(steps + 1);
  const sorted = { starts, ids: new Uint32Array(1024), values: new Float32Array(1024) };

  function reserve(count: number): void {
    if (ids.length >= count) return;
    ids = new Uint32Array(2 * count);
    values = new Float32Array(2 * count);
    atSteps = new Uint32Array(2 * count);
    sorted.ids = new Uint32Array(2 * count);
    sorted.values = new Float32Array(2 * count);
  }

  return {
    read(index) {
      const first = set.starts[index * steps]!;
      const end = set.starts[(index + 1) * steps]!;
      for (let t = 0; t <= steps; t++) starts[t] = set.starts[index * steps + t]! - first;
      return { starts, ids: set.ids.subarray(first, end), values: set.counts.subarray(first, end) };
    },
    readChanged(index, seed) {
      const random = seededRandom(seed);
      const within = (most: number) => Math.round((2 * random() - 1) * most);
      const { shiftX, shiftY, shiftSteps, drop, jitterX, stretch } = augmentation;
      const [byX, byY, bySteps] = [within(shiftX), within(shiftY), within(shiftSteps)];
      const pace = 1 + stretch * (2 * random() - 1);
      const { height, width } = input;
      reserve(set.starts[(index + 1) * steps]! - set.starts[index * steps]!);
      starts.fill(0);
      let filled = 0;
      for (let t = 0; t < steps; t++) {
        const end = set.starts[index * steps + t + 1]!;
        const step = Math.round(t * pace) + bySteps;
        for (let k = set.starts[index * steps + t]!; k < end; k++) {
          if (drop > 0 && random() < drop) continue;
          if (step < 0 || step >= steps) continue;
          const id = set.ids[k]!;
          const x = (id % width) + byX + (jitterX > 0 ? within(jitterX) : 0);
          const row = Math.floor(id / width);
          const y = (row % height) + byY;
          if (x < 0 || x >= width || y < 0 || y >= height) continue;
          ids[filled] = (Math.floor(row / height) * height + y) * width + x;
          values[filled] = set.counts[k]!;
          atSteps[filled] = step;
          starts[step + 1] = starts[step + 1]! + 1;
          filled += 1;
        }
      }
      for (let t = 0; t < steps; t++) starts[t + 1] = starts[t + 1]! + starts[t]!;
      const next = starts.slice();
      for (let k = 0; k < filled; k++) {
        const at = next[atSteps[k]!]!;
        next[atSteps[k]!] = at + 1;
        sorted.ids[at] = ids[k]!;
        sorted.values[at] = values[k]!;
      }
      return sorted;
    },
  };
}
