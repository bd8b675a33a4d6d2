/** What an operator asks for over topics: any message arms, disarms or stops, but none that was kept for later. */

import type { OperatorRequest } from "../../src/safety/command.ts";

export interface Requests {
  readonly topics: readonly string[];
  /** What a message asks for; undefined for what is none, or doesn't count. */
  heard(topic: string, payload: Uint8Array, retain: boolean): OperatorRequest | undefined;
  counts(): Readonly<Record<string, number>>;
}

/**
 * Any message on `enable` that is not empty arms, and OFF, 0 or false there disarms, as Home Assistant's switch has one topic;
 * any on `disable` disarms, on `emergency-stop` stops. Retained ones are ignored: they are of another time.
 */
export function operatorRequests(topic: (leaf: string) => string): Requests {
  const requests = new Map<string, OperatorRequest>([
    [topic("enable"), "arm"],
    [topic("disable"), "disarm"],
    [topic("emergency-stop"), "emergency-stop"],
  ]);
  const counts: Record<string, number> = {};
  const ignore = (what: string): undefined => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  return {
    topics: [...requests.keys()],
    heard(from, payload, retain) {
      const request = requests.get(from);
      if (!request) return undefined;
      if (retain) return ignore("retained requests ignored");
      if (request !== "arm") return request;
      if (payload.length === 0) return ignore("empty requests ignored");
      return /^(off|0|false)$/i.test(Buffer.from(payload).toString()) ? "disarm" : "arm";
    },
    counts: () => counts,
  };
}
