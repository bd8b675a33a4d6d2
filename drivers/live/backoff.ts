/** Tries again, at first soon, then every 2 s. */

import type { Clock } from "../../src/clock.ts";

const firstUs = 100_000;
const longestUs = 2_000_000;

/** Answers a function that waits before the next try; `reset` it once one has succeeded. */
export function backoff(clock: Clock, signal: AbortSignal): { wait(): Promise<void>; reset(): void } {
  let pauseUs = firstUs;
  return {
    async wait() {
      await clock.until(clock.nowUs() + pauseUs, signal);
      pauseUs = Math.min(2 * pauseUs, longestUs);
    },
    reset() {
      pauseUs = firstUs;
    },
  };
}
