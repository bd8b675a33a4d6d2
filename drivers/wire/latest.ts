/** The queue that is none: what the line takes is on its way, and for each sender the newest frame waits behind it. */

/** Longest that a move may wait, microseconds: what comes later than this is not the answer to anything any more. */
const waitUsMax = 50_000;

export interface Latest {
  /** Sends a frame now, or keeps it in place of the sender's last one. */
  offer(sender: string, frame: Uint8Array, action: "move" | "release"): void;
  /** The line is gone: forgets what waits and what is on its way, and `before` frames that it had let go already. */
  clear(before?: number): void;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
  counts(): Readonly<Record<string, number>>;
}

/** `send` calls `next` when the line takes another frame; until then none is handed to it. */
export function latestValue(
  send: (frame: Uint8Array, next: () => void) => void,
  clock: { nowUs(): number },
): Latest {
  const waiting = new Map<string, { frame: Uint8Array; action: "move" | "release"; sinceUs: number }>();
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

  const start = (frame: Uint8Array) => {
    const ownLine = line;
    busy = true;
    send(frame, () => {
      // A line that was lost may call back late: its frame is no longer the one on its way.
      if (ownLine === line) next();
    });
  };

  const next = () => {
    for (const [sender, { frame, action, sinceUs }] of waiting) {
      waiting.delete(sender);
      if (action === "release" || clock.nowUs() - sinceUs <= waitUsMax) return start(frame);
      count("too late, dropped");
    }
    becomeIdle();
  };

  return {
    offer(sender, frame, action) {
      if (!busy) return start(frame);
      if (waiting.has(sender)) count("replaced by a newer one");
      // It keeps the place of the one that it replaces, so that no sender waits for ever.
      waiting.set(sender, { frame, action, sinceUs: clock.nowUs() });
    },
    clear(before = 0) {
      count("dropped at a lost connection", waiting.size + (busy ? 1 : 0) + before);
      waiting.clear();
      line += 1;
      becomeIdle();
    },
    idle: () => (busy ? new Promise((resolve) => whenIdle.push(resolve)) : Promise.resolve()),
    counts: () => counts,
  };
}
