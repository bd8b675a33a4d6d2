/** Which of the commands that come in over MQTT still count: by what they are, their sequence and their age. */

import { z } from "zod";
import { type Unit, units } from "../../src/safety/command.ts";

/** What a message may be: a number, or an object as the driver `mqtt` sends it, each part but the value left out at will. */
const message = z
  .strictObject({
    boot: z.string().min(1).max(64).optional(),
    sequence: z.int().min(0).optional(),
    sentMs: z.number().optional(),
    ttlMs: z.number().positive().max(600_000).optional(),
    /** The sender's packet time: of no use to others. */
    atUs: z.number().optional(),
    action: z.enum(["move", "release"]).default("move"),
    value: z.number().optional(),
    unit: z.enum(units).optional(),
  })
  .refine(({ action, value }) => (action === "move") === (value !== undefined))
  .refine(({ boot, sequence }) => (boot === undefined) === (sequence === undefined));

/** A message of more bytes is no command. */
const messageBytesMax = 1024;
/** Boots that have ended are remembered, so that none of their commands counts any more; the oldest is forgotten. */
const bootsMax = 64;

/** What counts: a value, or that nothing is asked for any more. */
export type Asked =
  | { readonly action: "move"; readonly value: number; readonly ttlMs: number | undefined }
  | { readonly action: "release" };

export interface FreshSetup {
  readonly unit: Unit;
  /** Age at which a command that tells no `ttlMs` is dropped, milliseconds. */
  readonly ageMsMax: number;
  /** Milliseconds since 1970, by this machine. */
  readonly epochMs: () => number;
}

export interface Fresh {
  /** The command of a message, or undefined when it doesn't count. */
  take(payload: Uint8Array, how: { retain: boolean; expiryS?: number | undefined }): Asked | undefined;
  /** Why messages did not count, by name in words. */
  counts(): Readonly<Record<string, number>>;
}

/**
 * A command is dropped when it was retained, when its expiry (MQTT 5) has run out, when it is older than its `ttlMs` by
 * `sentMs` (milliseconds since 1970 by the sender; both clocks must be right), when its `sequence` does not rise within its
 * `boot`, and when its boot has been followed by another one. A plain number has none of these: it counts as it comes.
 */
export function freshCommands({ unit, ageMsMax, epochMs }: FreshSetup): Fresh {
  const counts: Record<string, number> = {};
  const drop = (what: string): undefined => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const ended = new Set<string>();
  let boot: string | undefined;
  let lastSequence = -1;

  const isInOrder = (given: { boot?: string | undefined; sequence?: number | undefined }): boolean => {
    if (given.boot === undefined || given.sequence === undefined) return true;
    if (ended.has(given.boot)) return false;
    if (given.boot !== boot) {
      if (boot !== undefined) ended.add(boot);
      if (ended.size > bootsMax) ended.delete(ended.values().next().value!);
      boot = given.boot;
      lastSequence = -1;
    }
    if (given.sequence <= lastSequence) return false;
    lastSequence = given.sequence;
    return true;
  };

  return {
    take(payload, { retain, expiryS }) {
      if (retain) return drop("retained commands ignored");
      if (expiryS !== undefined && expiryS <= 0) return drop("expired commands dropped");
      const given = payload.length <= messageBytesMax ? parsed(payload) : undefined;
      if (!given) return drop("commands not understood, refused");
      if (!isInOrder(given)) return drop("commands out of order, dropped");
      const { ttlMs, sentMs } = given;
      const ageMs = sentMs === undefined ? 0 : epochMs() - sentMs;
      if (ageMs > (ttlMs ?? ageMsMax)) return drop("stale commands dropped");
      if (ageMs < -ageMsMax) return drop("commands from the future, dropped");
      if (given.action === "release") return { action: "release" };
      if (given.unit !== undefined && given.unit !== unit) return drop("commands in another unit, refused");
      return { action: "move", value: given.value!, ttlMs };
    },
    counts: () => counts,
  };
}

function parsed(payload: Uint8Array): z.output<typeof message> | undefined {
  const text = Buffer.from(payload).toString().trim();
  // Home Assistant says None where a number is reset.
  if (text === "" || text === "None") return { action: "release" };
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? { action: "move", value } : undefined;
  }
  try {
    const read = message.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
