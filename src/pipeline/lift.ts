/** Lifts a stage's step into an RxJS operator: the one place where a stage's errors and its time are caught. */

import { map, Observable, type OperatorFunction } from "rxjs";
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

  /** Begins to measure something that ends later; the answer tells how long it took so far. */
  begin(): () => number {
    const startUs = this.#clock.nowUs();
    return () => this.#clock.nowUs() - startUs;
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
  if (more) return liftPieces(step, more, id, meter);
  return map((batch: In) => {
    try {
      return meter ? meter.time(() => step(batch)) : step(batch);
    } catch (cause) {
      throw asStageError(id, cause);
    }
  });
}

/** The pieces of a batch leave one by one; its time is that of all of them, without what others do with each. */
function liftPieces<In, Out>(
  step: (batch: In) => Out,
  more: () => Out | undefined,
  id: string,
  meter?: LatencyMeter,
): OperatorFunction<In, Out> {
  return (source) =>
    new Observable((subscriber) => {
      let tookUs = 0;
      const timed = <T>(work: () => T): T => {
        const read = meter?.begin();
        const result = work();
        tookUs += read?.() ?? 0;
        return result;
      };
      return source.subscribe({
        next(batch) {
          tookUs = 0;
          try {
            for (
              let piece = timed(() => step(batch)) as Out | undefined;
              piece !== undefined;
              piece = timed(more)
            )
              subscriber.next(piece);
          } catch (cause) {
            return subscriber.error(asStageError(id, cause));
          }
          meter?.add(tookUs);
        },
        error: (cause) => subscriber.error(cause),
        complete: () => subscriber.complete(),
      });
    });
}

/** Batches that are on their way through stages in threads of their own. */
export class OnTheWay {
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when there are none; undefined when there are none now. */
  settle(): Promise<void> | undefined {
    return this.#count === 0 ? undefined : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** As `lift`, of a stage that answers later, in the order in which it was given. Its time is that until the answer. */
export function liftLater<In, Out>(
  step: (batch: In) => Promise<Out>,
  id: string,
  meter: LatencyMeter,
  onTheWay: OnTheWay,
): OperatorFunction<In, Out> {
  return (source) =>
    new Observable((subscriber) => {
      let own = 0;
      let isOver = false;
      const later = async (batch: In) => {
        own += 1;
        onTheWay.begin();
        const took = meter.begin();
        try {
          const out = await step(batch);
          meter.add(took());
          subscriber.next(out);
        } catch (cause) {
          subscriber.error(asStageError(id, cause));
        }
        own -= 1;
        if (isOver && own === 0) subscriber.complete();
        onTheWay.end();
      };
      return source.subscribe({
        next: (batch) => void later(batch),
        error: (cause) => subscriber.error(cause),
        complete: () => {
          isOver = true;
          if (own === 0) subscriber.complete();
        },
      });
    });
}

/** An error that is not ours becomes one that names the stage. */
export function asStageError(id: string, cause: unknown): ReflexarcError {
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
