/** The queue that is none: what the line takes is on its way, and for each sender the newest frame waits behind it. */

import type { Said } from "../../src/safety/command.ts";

/** Longest that a move may wait, microseconds: what comes later than this is not the answer to anything any more. */
const waitUsMax = 50_000;

export interface Latest {
  /** Sends a frame now, or keeps it in place of the sender's last one. */
  offer(sender: string, frame: Uint8Array, said: Said): void;
  /** The line is gone: forgets what waits and what is on its way, and `before` frames that it had let go already. */
  clear(before?: number): void;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
  counts(): Readonly<Record<string, number>>;
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly said: Said;
  readonly sinceUs: number;
}

/**
 * `send` calls `next` when the line takes another frame; until then none is handed to it. `missed` is called when a move
 * had waited for too long and was dropped: `at` is the value of the sender's last one that the line took, undefined after
 * a release.
 */
export function latestValue(
  send: (frame: Uint8Array, next: () => void) => void,
  clock: { nowUs(): number },
  missed: (sender: string, at: number | undefined) => void,
): Latest {
  const waiting = new Map<string, Waiting>();
  const taken = new Map<string, Said>();
  const counts: Record<string, number> = {};
  let line = 0;
  let busy = false;
  let whenIdle: (() => void)[] = [];

  const count = (what: string, times = 1) => {
    if (times > 0) counts[what] = (counts[what] ?? 0) + times;
  };

  const becomeIdle = () => {
    busy = false;
    for (const resolve of whenIdle) resolve();
    whenIdle = [];
  };

  const start = (sender: string, frame: Uint8Array, said: Said) => {
    const ownLine = line;
    busy = true;
    taken.set(sender, said);
    send(frame, () => {
      // A line that was lost may call back late: its frame is no longer the one on its way.
      if (ownLine === line) next();
    });
  };

  const isTooLate = ({ said, sinceUs }: Waiting) =>
    said.action === "move" && clock.nowUs() - sinceUs > waitUsMax;

  const drop = (sender: string) => {
    waiting.delete(sender);
    count("too late, dropped");
    const last = taken.get(sender);
    missed(sender, last?.action === "move" ? last.value : undefined);
  };

  const next = () => {
    for (const [sender, one] of waiting) {
      if (isTooLate(one)) {
        drop(sender);
        continue;
      }
      waiting.delete(sender);
      return start(sender, one.frame, one.said);
    }
    becomeIdle();
  };

  return {
    offer(sender, frame, said) {
      if (!busy) return start(sender, frame, said);
      const before = waiting.get(sender);
      // Behind a process that stood still: a move that goes on from one which was too late goes on from the wrong place.
      if (before && isTooLate(before) && said.action === "move") {
        count("too late, dropped");
        return drop(sender);
      }
      if (before) count("replaced by a newer one");
      // It keeps the place of the one that it replaces, so that no sender waits for ever.
      waiting.set(sender, { frame, said, sinceUs: clock.nowUs() });
    },
    clear(before = 0) {
      count("dropped at a lost connection", waiting.size + (busy ? 1 : 0) + before);
      waiting.clear();
      taken.clear();
      line += 1;
      becomeIdle();
    },
    idle: () => (busy ? new Promise((resolve) => whenIdle.push(resolve)) : Promise.resolve()),
    counts: () => counts,
  };
}
