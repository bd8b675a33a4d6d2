/** A watchdog on the wall clock: it trips when a process stands still, whatever its sensors say. */

import type { Clock } from "../clock.ts";

export interface Watchdog {
  /** The process has come round once more; it means to wait so many microseconds now, which are no silence. */
  beat(waitUs?: number): void;
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
  let stopped = false;

  const look = (nowUs: number) => {
    if (tripped || nowUs - lastUs <= deadlineUs) return;
    tripped = true;
    trip(nowUs - lastUs);
  };

  // One timer for many beats, which is put off before it is due: a look every few milliseconds keeps a machine from sleeping.
  let callOff: (() => void) | undefined;
  let nextUs = 0;
  const watch = () => {
    callOff?.();
    nextUs = Math.max(lastUs + (deadlineUs * 21) / 20, clock.nowUs() + deadlineUs / 20);
    callOff = clock.at(nextUs, () => {
      callOff = undefined;
      look(clock.nowUs());
      if (!tripped) watch();
    });
  };
  watch();
  return {
    beat(waitUs = 0) {
      const nowUs = clock.nowUs();
      look(nowUs);
      lastUs = nowUs + waitUs;
      tripped = false;
      if (!stopped && (!callOff || nextUs < lastUs + deadlineUs / 2)) watch();
    },
    stop() {
      stopped = true;
      callOff?.();
    },
  };
}
