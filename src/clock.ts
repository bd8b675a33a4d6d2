/** The clock: wall time or virtual time. The only file of `src/` that knows what the time is outside a packet. */

export interface Clock {
  /** Monotonic microseconds since an arbitrary start; steps of the system's date don't move it. */
  nowUs(): number;
  /** Resolves when `nowUs()` reaches `timeUs`, or when the signal aborts. */
  until(timeUs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `wake` once, when `nowUs()` reaches `timeUs`, never at once; the answer calls it off. */
  at(timeUs: number, wake: () => void): () => void;
  /** Calls `tick` every `periodUs` from now on; the answer stops it. */
  every(periodUs: number, tick: (nowUs: number) => void): () => void;
  /** Lets what waits have its turn (signals, keys, sockets) without letting time pass. */
  breathe(): Promise<void>;
}

/** Longest wait of one timer: Node fires a longer one at once. */
const timerMsMax = 2 ** 31 - 1;

/** Node's timers are early by what they cut off, 2 ms at most: who waits so long is woken once, and a little late. */
const easyMs = 50;
const earlyMsMax = 2;

/** Real time, as the machine's monotonic clock tells it. */
export function wallClock(): Clock {
  const nowUs = () => Math.round(performance.now() * 1000);
  const at = (timeUs: number, wake: () => void) => {
    const waitMs = () => {
      const ms = (timeUs - nowUs()) / 1000;
      return ms < easyMs ? ms : Math.min(timerMsMax, Math.ceil(ms) + earlyMsMax);
    };
    const look = () => {
      if (timeUs > nowUs()) timer = setTimeout(look, waitMs());
      else wake();
    };
    let timer = setTimeout(look, waitMs());
    return () => clearTimeout(timer);
  };
  return {
    nowUs,
    at,
    until(timeUs, signal) {
      if (timeUs <= nowUs() || signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const finish = () => {
          callOff();
          signal?.removeEventListener("abort", finish);
          resolve();
        };
        const callOff = at(timeUs, finish);
        signal?.addEventListener("abort", finish, { once: true });
      });
    },
    every(periodUs, tick) {
      const timer = setInterval(() => tick(nowUs()), periodUs / 1000);
      return () => clearInterval(timer);
    },
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

interface Waiter {
  atUs: number;
  wake(): void;
}

/** Time that passes only when `advance` says so: tests and simulations run as fast as the machine can. */
export interface VirtualClock extends Clock {
  /** Moves time on to `timeUs`, waking in order all that waits until then. */
  advance(timeUs: number): void;
}

export function virtualClock(startUs = 0): VirtualClock {
  let timeUs = startUs;
  const waiters: Waiter[] = [];
  const wait = (atUs: number, wake: () => void): Waiter => {
    const waiter = { atUs, wake };
    const index = waiters.findIndex((other) => other.atUs > atUs);
    waiters.splice(index < 0 ? waiters.length : index, 0, waiter);
    return waiter;
  };
  const forget = (waiter: Waiter | undefined) => {
    const index = waiter ? waiters.indexOf(waiter) : -1;
    if (index >= 0) waiters.splice(index, 1);
  };
  return {
    nowUs: () => timeUs,
    at(atUs, wake) {
      const waiter = wait(atUs, wake);
      return () => forget(waiter);
    },
    until(atUs, signal) {
      if (atUs <= timeUs || signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const finish = () => {
          forget(waiter);
          signal?.removeEventListener("abort", finish);
          resolve();
        };
        const waiter = wait(atUs, finish);
        signal?.addEventListener("abort", finish, { once: true });
      });
    },
    every(periodUs, tick) {
      let waiter: Waiter | undefined;
      const again = () => {
        waiter = wait(timeUs + periodUs, () => {
          again();
          tick(timeUs);
        });
      };
      again();
      return () => forget(waiter);
    },
    breathe: () => Promise.resolve(),
    advance(toUs) {
      while (waiters.length > 0 && waiters[0]!.atUs <= toUs) {
        const waiter = waiters.shift()!;
        timeUs = Math.max(timeUs, waiter.atUs);
        waiter.wake();
      }
      timeUs = Math.max(timeUs, toUs);
    },
  };
}
