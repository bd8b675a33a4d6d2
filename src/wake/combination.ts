/** What several detectors must say before a gate wakes: any of them, all, or one after the other. */

export const combinations = ["any", "all", "sequence"] as const;

export interface CombinationRule {
  readonly combine: (typeof combinations)[number];
  /** How many detectors there are. */
  readonly detectors: number;
  /** Detections that it takes of each. */
  readonly detections: number;
  /** Longest time from the first detection that has a part to the last, microseconds, included. */
  readonly withinUs: number;
}

/** Hears detections in order of time. Its state depends on them alone. */
export interface Combination {
  /** Answers when the first of the detections was that now wake, or undefined while something is missing. */
  hear(detector: number, timeUs: number): number | undefined;
  /** When the first detection was that may still have a part in a waking at `timeUs`; undefined when there is none. */
  armedSinceUs(timeUs: number): number | undefined;
  /** When the last of those stops to count. */
  readonly armedUntilUs: number;
  /** Forgets all. */
  clear(): void;
}

export function createCombination(rule: CombinationRule): Combination {
  return rule.combine === "sequence" ? new Sequence(rule) : new Votes(rule);
}

/** Any, or all: the last detections of each detector. One is for waking while `detections` of its own are recent enough. */
class Votes implements Combination {
  readonly #rule: CombinationRule;
  /** The last `detections` of each detector, as rings in one array. */
  readonly #timesUs: Float64Array;
  readonly #next: Uint32Array;
  armedUntilUs = Number.NEGATIVE_INFINITY;

  constructor(rule: CombinationRule) {
    this.#rule = rule;
    this.#timesUs = new Float64Array(rule.detectors * rule.detections).fill(Number.NEGATIVE_INFINITY);
    this.#next = new Uint32Array(rule.detectors);
  }

  hear(detector: number, timeUs: number): number | undefined {
    const { combine, detectors, detections, withinUs } = this.#rule;
    this.#timesUs[detector * detections + this.#next[detector]!] = timeUs;
    this.#next[detector] = (this.#next[detector]! + 1) % detections;
    this.armedUntilUs = timeUs + withinUs;
    let firstUs = this.#firstOf(detector);
    for (let k = 0; k < detectors && combine === "all"; k++) firstUs = Math.min(firstUs, this.#firstOf(k));
    return timeUs - firstUs <= withinUs ? firstUs : undefined;
  }

  armedSinceUs(timeUs: number): number | undefined {
    if (timeUs > this.armedUntilUs) return undefined;
    let firstUs = Number.POSITIVE_INFINITY;
    for (const at of this.#timesUs) if (timeUs - at <= this.#rule.withinUs) firstUs = Math.min(firstUs, at);
    return firstUs;
  }

  clear(): void {
    this.#timesUs.fill(Number.NEGATIVE_INFINITY);
    this.armedUntilUs = Number.NEGATIVE_INFINITY;
  }

  /** The oldest of the last `detections` of a detector: the next one to be overwritten. */
  #firstOf(detector: number): number {
    return this.#timesUs[detector * this.#rule.detections + this.#next[detector]!]!;
  }
}

/**
 * One after the other: for each part of the sequence the latest time at which a run through all parts up to it began. A
 * detector that is to speak n times is n parts. Of two detections at one time, the one that is heard first comes first.
 */
class Sequence implements Combination {
  readonly #rule: CombinationRule;
  readonly #beganUs: Float64Array;
  armedUntilUs = Number.NEGATIVE_INFINITY;

  constructor(rule: CombinationRule) {
    this.#rule = rule;
    this.#beganUs = new Float64Array(rule.detectors * rule.detections).fill(Number.NEGATIVE_INFINITY);
  }

  hear(detector: number, timeUs: number): number | undefined {
    const { detections, withinUs } = this.#rule;
    // From the last part down, so that one detection is not two.
    for (let part = (detector + 1) * detections - 1; part >= detector * detections; part--)
      this.#beganUs[part] = part === 0 ? timeUs : this.#beganUs[part - 1]!;
    for (const beganUs of this.#beganUs)
      if (timeUs - beganUs <= withinUs) this.armedUntilUs = Math.max(this.armedUntilUs, beganUs + withinUs);
    const beganUs = this.#beganUs.at(-1)!;
    return detector === this.#rule.detectors - 1 && timeUs - beganUs <= withinUs ? beganUs : undefined;
  }

  armedSinceUs(timeUs: number): number | undefined {
    if (timeUs > this.armedUntilUs) return undefined;
    let firstUs = Number.POSITIVE_INFINITY;
    for (const at of this.#beganUs) if (timeUs - at <= this.#rule.withinUs) firstUs = Math.min(firstUs, at);
    return firstUs;
  }

  clear(): void {
    this.#beganUs.fill(Number.NEGATIVE_INFINITY);
    this.armedUntilUs = Number.NEGATIVE_INFINITY;
  }
}
