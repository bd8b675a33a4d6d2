/** `pipelines/wake-word` on clips that its network never saw: a stream made by its own script, scored by `evaluate`. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../support/cli.ts";
import { shared } from "../support/shared.ts";
import { root } from "../support/world.ts";

const digits = shared("audio/digits");
const folder = mkdtempSync(join(tmpdir(), "reflexarc-wake-word-"));
afterAll(() => rmSync(folder, { recursive: true }));
const script = (name: string) => new URL(`pipelines/wake-word/${name}`, `file://${root}`);
const { asItIsUntilTold, clipInNoise, clipsIn, heldOutOf } = (await import(script("clips.mjs").href)) as {
  asItIsUntilTold: object;
  clipInNoise(folder: string, name: string): { write(how: object): Uint8Array };
  clipsIn(folder: string): { name: string; digit: string }[];
  heldOutOf<Clip>(clips: readonly Clip[]): Clip[];
};

test("of all ten digits, in clips that it never saw of speakers it knows, the network is right in 95 of 100", async () => {
  const clips = heldOutOf(clipsIn(digits));
  for (const { name } of clips)
    writeFileSync(join(folder, name), clipInNoise(digits, name).write(asItIsUntilTold));
  const table = join(folder, "held-out.csv");
  writeFileSync(table, `file,label\n${clips.map(({ name, digit }) => `${name},${digit}\n`).join("")}`);
  const told = await cli([
    ...["evaluate", join(root, "pipelines/wake-word/wake-word.yaml"), "--set", "gate.sleep=never"],
    ...["--data", folder, "--labels", table, "--json"],
  ]);
  expect([told.code, told.stderr]).toEqual([0, ""]);
  const { samples, accuracy } = JSON.parse(told.stdout) as { samples: number; accuracy: number };
  expect(samples).toBe(clips.length);
  expect(samples).toBeGreaterThan(200);
  expect(accuracy).toBeGreaterThanOrEqual(0.95);
}, 120_000);

test("twelve minutes in noise at 10 dB: zero is told in time, and hardly anything else is taken for it", async () => {
  const clips = heldOutOf(clipsIn(digits));
  expect(clips.length).toBeGreaterThan(200);
  const table = join(folder, "clips.csv");
  writeFileSync(table, `file,label\n${clips.map(({ name, digit }) => `${name},${digit}\n`).join("")}`);
  const make = [script("stream.mjs").pathname, "--data", digits, "--clips", table, "--out", folder];
  execFileSync(process.execPath, [...make, "--hours", "0.2", "--seed", "5"]);
  const told = await cli([
    ...["evaluate", join(root, "pipelines/wake-word/wake-word.yaml"), "--data", folder],
    ...["--labels", join(folder, "labels.csv"), "--json"],
  ]);
  expect([told.code, told.stderr]).toEqual([0, ""]);
  const score = JSON.parse(told.stdout) as {
    targets: number;
    missRate: number;
    falseAlarms: number;
    windowMs: number;
    words: Record<string, unknown>;
  };
  expect(score).toMatchObject({ targets: 12, windowMs: 300 });
  expect(Object.keys(score.words)).toEqual(["0"]);
  expect(score.missRate).toBeLessThanOrEqual(0.25);
  // At 6 an hour it would be one.
  expect(score.falseAlarms).toBeLessThanOrEqual(1);
}, 120_000);

test("in a room that is never quiet the sentinel spares nine tenths of the operations, and as many words are told", async () => {
  const clips = heldOutOf(clipsIn(digits));
  const room = join(folder, "room");
  mkdirSync(room);
  const table = join(room, "clips.csv");
  writeFileSync(table, `file,label\n${clips.map(({ name, digit }) => `${name},${digit}\n`).join("")}`);
  const make = [script("stream.mjs").pathname, "--data", digits, "--clips", table, "--out", room];
  execFileSync(process.execPath, [...make, "--hours", "0.08", "--seed", "5", "--noise", "room"]);

  /** What a document tells of the stream, and the synaptic operations of all its networks. */
  async function judge(document: string, ...more: string[]) {
    const told = await cli([
      ...["evaluate", join(root, "pipelines/wake-word", document), ...more],
      ...["--data", room, "--labels", join(room, "labels.csv"), "--json"],
    ]);
    expect([told.code, told.stderr]).toEqual([0, ""]);
    const { hits, targets, falseAlarms, latencyMs, stages } = JSON.parse(told.stdout) as {
      hits: number;
      targets: number;
      falseAlarms: number;
      latencyMs: { largest: number };
      stages: { counts: Record<string, number> }[];
    };
    const operations = stages.reduce((sum, { counts }) => sum + (counts["synaptic operations"] ?? 0), 0);
    return { hits, targets, falseAlarms, latencyMs, operations };
  }

  const gated = await judge("in-a-room.yaml");
  const always = await judge("wake-word.yaml", "--set", "gate.sleep=never");
  expect(gated.targets).toBe(5);
  expect(gated.hits).toBeGreaterThanOrEqual(always.hits);
  expect(gated.hits).toBeGreaterThanOrEqual(4);
  expect(gated.falseAlarms).toBeLessThanOrEqual(1);
  expect(gated.latencyMs.largest).toBeLessThanOrEqual(300);
  expect(gated.operations).toBeGreaterThan(0);
  expect(always.operations / gated.operations).toBeGreaterThan(10);
}, 120_000);
