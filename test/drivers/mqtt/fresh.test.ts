/** Which commands count: each reason to drop one, and that nothing else is dropped. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freshCommands } from "../../../drivers/mqtt/fresh.ts";

const nowMs = 1_700_000_000_000;

function listener() {
  const time = { ms: nowMs };
  const fresh = freshCommands({ unit: "deg", ageMsMax: 1000, epochMs: () => time.ms });
  const hear = (message: string | object, how: { retain?: boolean; expiryS?: number } = {}) =>
    fresh.take(Buffer.from(typeof message === "string" ? message : JSON.stringify(message)), {
      retain: false,
      ...how,
    });
  return { time, fresh, hear };
}

test.each([
  ["90", 90],
  [" 90.5\n", 90.5],
  ["-1e1", -10],
  [".5", 0.5],
  ['{"value": 20}', 20],
  ['{"value": 20, "unit": "deg", "action": "move", "atUs": 5}', 20],
  [`{"value": 20.5, "sentMs": ${nowMs - 999}}`, 20.5],
  [`{"value": 20.5, "sentMs": ${nowMs + 999}}`, 20.5],
])("%s is a fresh command", (message, value) => {
  const { hear, fresh } = listener();
  expect(hear(message)).toEqual({ action: "move", value, ttlMs: undefined });
  expect(fresh.counts()).toEqual({});
});

test.each(["", "None", '{"action": "release"}'])("%j takes back what was set", (message) => {
  expect(listener().hear(message)).toEqual({ action: "release" });
});

describe("dropped and counted is", () => {
  test.each<[string, string, string | object, { retain?: boolean; expiryS?: number }?]>([
    ["what was kept by the broker", "retained commands ignored", "90", { retain: true }],
    ["what has expired", "expired commands dropped", "90", { expiryS: 0 }],
    ["what is old", "stale commands dropped", { value: 1, sentMs: nowMs - 1001 }],
    [
      "what is older than its own ttlMs",
      "stale commands dropped",
      { value: 1, sentMs: nowMs - 60, ttlMs: 50 },
    ],
    ["a release that is old", "stale commands dropped", { action: "release", sentMs: nowMs - 5000 }],
    ["what was sent tomorrow", "commands from the future, dropped", { value: 1, sentMs: nowMs + 1001 }],
    ["another unit", "commands in another unit, refused", { value: 1, unit: "pulseUs" }],
    ["no number", "commands not understood, refused", "ninety"],
    ["more than a number", "commands not understood, refused", "90 deg"],
    ["an infinite one", "commands not understood, refused", "1e999"],
    ["an infinite value", "commands not understood, refused", '{"value": 1e999}'],
    ["a move to nowhere", "commands not understood, refused", { action: "move" }],
    ["a release with a value", "commands not understood, refused", { action: "release", value: 1 }],
    ["an option that there is not", "commands not understood, refused", { value: 1, ttlms: 5 }],
    ["a sequence of nobody", "commands not understood, refused", { value: 1, sequence: 5 }],
    ["a prototype", "commands not understood, refused", '{"value": 1, "__proto__": {}}'],
    ["an array", "commands not understood, refused", "[90]"],
    ["a giant", "commands not understood, refused", `{"value": 1, "boot": "${"x".repeat(2000)}"}`],
  ])("%s", (_what, why, message, how) => {
    const { hear, fresh } = listener();
    expect(hear(message, how)).toBeUndefined();
    expect(fresh.counts()).toEqual({ [why]: 1 });
  });
});

test("an expiry that runs still, and a ttlMs that is kept", () => {
  const { hear, time } = listener();
  expect(hear("90", { expiryS: 1 })).toMatchObject({ value: 90 });
  const command = { value: 1, sentMs: nowMs, ttlMs: 50 };
  time.ms += 50;
  expect(hear(command)).toEqual({ action: "move", value: 1, ttlMs: 50 });
  time.ms += 1;
  expect(hear(command)).toBeUndefined();
});

test("of any messages of three boots, those taken rise within each boot, and no boot comes again after another", () => {
  const message = fc.record({ boot: fc.constantFrom("a", "b", "c"), sequence: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      const { hear, fresh } = listener();
      const taken = messages.filter((each) => hear({ value: 1, ...each }));
      const boots = taken.map(({ boot }) => boot).filter((boot, i, all) => boot !== all[i - 1]);
      expect(new Set(boots).size).toBe(boots.length);
      for (const of of ["a", "b", "c"]) {
        const sequences = taken.filter(({ boot }) => boot === of).map(({ sequence }) => sequence);
        expect(sequences).toEqual([...new Set(sequences)].sort((x, y) => x - y));
      }
      const dropped = fresh.counts()["commands out of order, dropped"] ?? 0;
      expect(taken.length + dropped).toBe(messages.length);
    }),
    { seed: 5 },
  );
});

test("what is in order is taken, to the last one", () => {
  const { hear } = listener();
  for (const boot of ["a", "b"])
    for (let sequence = 0; sequence < 50; sequence++)
      expect(hear({ value: sequence, boot, sequence })).toBeDefined();
});
