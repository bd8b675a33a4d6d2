/** Lifts a stage's step into an RxJS operator: the one place where a stage's errors and its time are caught. */

import { concatMap, map, type OperatorFunction } from "rxjs";
import type { Clock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";

/** How long a stage took, one entry a batch, in a histogram of bounded size (relative error below 7 %). */
export class LatencyMeter {
  readonly #clock: Clock;
  readonly #bins = new Uint32Array(512);
  #batches = 0;
  #maxUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` and counts its time. */
  time<T>(work: () => T): T {
    const startUs = this.#clock.nowUs();
    const result = work();
    this.add(this.#clock.nowUs() - startUs);
    return result;
  }

  add(us: number): void {
    this.#bins[Math.min(511, Math.round(10 * Math.log2(us + 1)))]! += 1;
    this.#batches += 1;
    this.#maxUs = Math.max(this.#maxUs, us);
  }

  /** Microseconds below which the share `q` of the batches stayed. */
  quantileUs(q: number): number {
    let below = Math.ceil(q * this.#batches);
    for (let bin = 0; bin < 512; bin++) {
      below -= this.#bins[bin]!;
      if (below <= 0) return Math.min(this.#maxUs, Math.round(2 ** (bin / 10) - 1));
    }
    return this.#maxUs;
  }

  summary(): { batches: number; p50Us: number; p99Us: number; maxUs: number } {
    return {
      batches: this.#batches,
      p50Us: this.quantileUs(0.5),
      p99Us: this.quantileUs(0.99),
      maxUs: this.#maxUs,
    };
  }
}

/**
 * The operator of one stage at work; `more` is that of a stage that cuts a batch in several. An error that is not ours
 * becomes one that names the stage.
 */
export function lift<In, Out>(
  step: (batch: In) => Out,
  id: string,
  meter?: LatencyMeter,
  more?: () => Out | undefined,
): OperatorFunction<In, Out> {
  const caught = <T>(work: () => T): T => {
    try {
      return meter ? meter.time(work) : work();
    } catch (cause) {
      throw asStageError(id, cause);
    }
  };
  if (!more) return map((batch: In) => caught(() => step(batch)));
  return concatMap(function* (batch: In) {
    yield caught(() => step(batch));
    for (let next = caught(more); next !== undefined; next = caught(more)) yield next;
  });
}

function asStageError(id: string, cause: unknown): ReflexarcError {
  if (cause instanceof ReflexarcError) return cause;
  const what = cause instanceof Error ? cause.message : String(cause);
  return new ReflexarcError(
    {
      kind: "input",
      room: id,
      what: `the stage failed: ${what}`,
      remedy: "This is a defect of the stage: please report it with the recording.",
    },
    { cause },
  );
}
