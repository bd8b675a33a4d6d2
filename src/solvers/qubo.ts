/** Quadratic unconstrained binary optimisation: the one form in which all problems reach the network. */

/** E(x) = offset + sum of linear[i] x[i] + sum of coupling[i][j] x[i] x[j] over pairs i < j, with x of 0 and 1; to be minimal. */
export interface Qubo {
  readonly size: number;
  readonly offset: number;
  readonly linear: Float64Array;
  /** Row i is `starts[i]` to `starts[i + 1]`: all j that are coupled to i, ascending, each pair in both of its rows. */
  readonly starts: Uint32Array;
  readonly others: Uint32Array;
  readonly couplings: Float64Array;
}

/** Collects terms; those of one place are summed. */
export class QuboTerms {
  readonly size: number;
  offset = 0;
  readonly linear: Float64Array;
  /** By i * size + j with i < j. */
  readonly #pairs = new Map<number, number>();

  constructor(size: number) {
    this.size = size;
    this.linear = new Float64Array(size);
  }

  /** Adds value x[i] x[j]; x[i] x[i] is x[i]. */
  add(i: number, j: number, value: number): void {
    if (i === j) this.linear[i]! += value;
    else {
      const place = Math.min(i, j) * this.size + Math.max(i, j);
      this.#pairs.set(place, (this.#pairs.get(place) ?? 0) + value);
    }
  }

  /** Adds weight (sum of x over `ids` - 1)^2: exactly one of them shall be 1. */
  exactlyOne(ids: readonly number[], weight: number): void {
    this.offset += weight;
    for (const [k, i] of ids.entries()) {
      this.add(i, i, -weight);
      for (const j of ids.slice(k + 1)) this.add(i, j, 2 * weight);
    }
  }

  build(): Qubo {
    const { size, offset, linear } = this;
    const pairs = [...this.#pairs].filter(([, value]) => value !== 0);
    const starts = new Uint32Array(size + 1);
    for (const [place] of pairs) {
      starts[Math.floor(place / size) + 1]! += 1;
      starts[(place % size) + 1]! += 1;
    }
    for (let i = 0; i < size; i++) starts[i + 1]! += starts[i]!;
    const others = new Uint32Array(2 * pairs.length);
    const couplings = new Float64Array(2 * pairs.length);
    const next = starts.slice();
    // By i and then by j: each row is then filled in order, first with those below it and then with those above.
    pairs.sort(([a], [b]) => a - b);
    for (const [place, value] of pairs) {
      const [i, j] = [Math.floor(place / size), place % size];
      for (const [row, other] of [
        [j, i],
        [i, j],
      ] as const) {
        others[next[row]!] = other;
        couplings[next[row]!] = value;
        next[row]! += 1;
      }
    }
    return { size, offset, linear, starts, others, couplings };
  }
}

/** E of an assignment. */
export function quboEnergy({ offset, linear, size, starts, others, couplings }: Qubo, x: Uint8Array): number {
  let energy = offset;
  for (let i = 0; i < size; i++) {
    if (x[i] === 0) continue;
    energy += linear[i]!;
    for (let k = starts[i]!; k < starts[i + 1]!; k++)
      if (others[k]! > i && x[others[k]!] === 1) energy += couplings[k]!;
  }
  return energy;
}
