/** A watchdog on the wall clock: it trips when a process stands still, whatever its sensors say. */

import type { Clock } from "../clock.ts";

export interface Watchdog {
  /** The process has come round once more. */
  beat(): void;
  stop(): void;
}

/**
 * Calls `trip` once when no beat came for `deadlineMs` (a twentieth later at most); the next beat makes it watch again. A beat that is itself too late
 * trips too: after a stall it may run before the timer does.
 */
export function createWatchdog(
  { clock, deadlineMs }: { clock: Clock; deadlineMs: number },
  trip: (silentUs: number) => void,
): Watchdog {
  const deadlineUs = deadlineMs * 1000;
  let lastUs = clock.nowUs();
  let tripped = false;

  const look = (nowUs: number) => {
    if (tripped || nowUs - lastUs <= deadlineUs) return;
    tripped = true;
    trip(nowUs - lastUs);
  };

  const stop = clock.every(deadlineUs / 20, look);
  return {
    beat() {
      const nowUs = clock.nowUs();
      look(nowUs);
      lastUs = nowUs;
      tripped = false;
    },
    stop,
  };
}
