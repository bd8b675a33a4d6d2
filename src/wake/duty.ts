/** How a gate spends its time: asleep, armed and awake, and how long it takes to wake. */

import type { Duty, Spread } from "../stage.ts";

/** Adds up: a few additions for each detection and each piece of a packet. */
export class DutyMeter {
  eventsIn = 0;
  passed = 0;
  readonly detections: number[];
  #asleepUs = 0;
  #awakeUs = 0;
  #wakings = 0;
  readonly #latency = new SpreadMeter();
  readonly #reach = new SpreadMeter();
  /** Armed times that are over, and the last one, which may not be. */
  #armedUs = 0;
  #armedSinceUs = 0;
  #armedUntilUs = Number.NEGATIVE_INFINITY;
  #atUs = 0;

  constructor(detectors: number) {
    this.detections = new Array<number>(detectors).fill(0);
  }

  spend(state: "asleep" | "awake", fromUs: number, toUs: number): void {
    if (state === "asleep") this.#asleepUs += toUs - fromUs;
    else this.#awakeUs += toUs - fromUs;
    this.#atUs = toUs;
  }

  /** A detection at `timeUs` leaves the gate armed until `untilUs`, if that is later. */
  heard(timeUs: number, untilUs: number): void {
    if (untilUs < timeUs) return;
    if (timeUs > this.#armedUntilUs) {
      this.#disarm(timeUs);
      this.#armedSinceUs = timeUs;
    }
    this.#armedUntilUs = untilUs;
  }

  /** It woke by detections since `firstUs`; `oldestUs` is the time of the oldest event that it passes on, or Infinity. */
  woke(timeUs: number, firstUs: number, oldestUs: number): void {
    this.#disarm(timeUs);
    this.#wakings += 1;
    this.#latency.add(timeUs - firstUs);
    this.#reach.add(Math.max(0, timeUs - oldestUs));
  }

  read(): Duty {
    return {
      asleepUs: this.#asleepUs,
      armedUs: this.#armedUs + this.#lastArmedUs(this.#atUs),
      awakeUs: this.#awakeUs,
      wakings: this.#wakings,
      detections: [...this.detections],
      latencyUs: this.#latency.read(),
      reachUs: this.#reach.read(),
      eventsIn: this.eventsIn,
      passed: this.passed,
    };
  }

  #disarm(timeUs: number): void {
    this.#armedUs += this.#lastArmedUs(timeUs);
    this.#armedUntilUs = Number.NEGATIVE_INFINITY;
  }

  #lastArmedUs(atUs: number): number {
    return Math.max(0, Math.min(atUs, this.#armedUntilUs) - this.#armedSinceUs);
  }
}

class SpreadMeter {
  #count = 0;
  #sum = 0;
  #max = 0;

  add(value: number): void {
    this.#count += 1;
    this.#sum += value;
    this.#max = Math.max(this.#max, value);
  }

  read(): Spread {
    return { mean: this.#count > 0 ? this.#sum / this.#count : 0, max: this.#max };
  }
}
