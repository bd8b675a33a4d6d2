/** The synapses of a projection that learns, unrolled into rows: each has a weight of its own. */

import { type Population, type Projection, poolTargets, weightValues } from "../network/index.ts";

/** Synapses in rows by source: row s is starts[s] to starts[s + 1]. */
export interface Rows {
  readonly delayUs: number;
  readonly starts: Uint32Array;
  readonly targets: Uint32Array;
  /** Index in the projection's own weights of each synapse. */
  readonly places: Uint32Array;
  readonly weights: Float64Array;
}

export function rowsByDelay(projection: Projection, from: Population, to: Population): Rows[] {
  const weights = weightValues(projection.weights);
  const rows = (delayUs: number, starts: Uint32Array, targets: Uint32Array): Rows => {
    const places = Uint32Array.from(targets, (_, k) => k);
    return { delayUs, starts, targets, places, weights };
  };
  switch (projection.pattern) {
    case "dense":
      return [
        rows(
          projection.delayUs,
          Uint32Array.from({ length: from.size + 1 }, (_, source) => source * to.size),
          Uint32Array.from(weights, (_, k) => k % to.size),
        ),
      ];
    case "pool":
      return [
        rows(
          projection.delayUs,
          Uint32Array.from({ length: from.size + 1 }, (_, source) => source),
          poolTargets(from.geometry, to.geometry),
        ),
      ];
    case "sparse": {
      const { delaysUs, rowStarts, targets } = projection;
      return [...new Set(delaysUs)]
        .sort((a, b) => a - b)
        .map((delayUs) => {
          const kept: number[] = [];
          const starts = new Uint32Array(from.size + 1);
          for (let source = 0; source < from.size; source++) {
            for (let k = rowStarts[source]!; k < rowStarts[source + 1]!; k++)
              if (delaysUs[k] === delayUs) kept.push(k);
            starts[source + 1] = kept.length;
          }
          return {
            delayUs,
            starts,
            targets: Uint32Array.from(kept, (k) => targets[k]!),
            places: Uint32Array.from(kept),
            weights: Float64Array.from(kept, (k) => weights[k]!),
          };
        });
    }
    default:
      throw new RangeError(`a ${projection.pattern} that learns`);
  }
}
