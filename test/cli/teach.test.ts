/** A template that is taught as a user does it, from one example in a recording: it finds what was said again, and nothing else. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wavBytes } from "../../drivers/synthetic/sound.ts";
import { speakDigits } from "../../drivers/synthetic/voice.ts";
import { type TeachOptions, teach } from "../../src/cli/teach.ts";
import { readPattern } from "../../src/wake/pattern.ts";
import { cli } from "../support/cli.ts";
import { runText } from "../support/world.ts";

/** One voice says three, eight, three, one, three: each time at a pace of its own. */
const { column, spoken } = speakDigits({
  seed: 5,
  digits: "3 8 3 1 3",
  everyMs: 1500,
  rateHz: 8000,
  noiseDb: 40,
});
const document = `
about: Three, again.
stages:
  - { id: ears, use: wav, file: said.wav }
  - { id: cochlea, use: cochlea, bands: 24, lowHz: 150, leak: 0.8, rateHz: 200 }
  - { id: again, use: template, pattern: three.json }
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teach-"));
  writeFileSync(join(folder, "said.wav"), wavBytes([column], 8000));
  writeFileSync(join(folder, "again.yaml"), document);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [three] = spoken;
const span = ["--from", `${three!.fromUs}us`, "--to", `${three!.toUs + 50_000}us`] as const;

test("one example is enough to hear the word again, and not the others", async () => {
  const { code, stdout, stderr } = await cli(
    ["teach", "again.yaml", ...span, "--out", "three.json", "--json"],
    { cwd: folder },
  );
  expect([code, stderr]).toEqual([0, ""]);
  const pattern = readPattern(readFileSync(join(folder, "three.json"), "utf8"), "three.json");
  const { spikes, of } = JSON.parse(stdout);
  expect([spikes, of]).toEqual([pattern.spikes.length, 24]);
  expect(spikes).toBeGreaterThan(50);

  const { trace } = await runText(document, { folder });
  const told = trace.flatMap((line) => {
    const { stage, spikes } = JSON.parse(line);
    return stage === "again" ? (spikes as [number, number][]).map(([timeUs]) => timeUs) : [];
  });
  const threes = spoken.filter(({ digit }) => digit === 3);
  expect(told).toHaveLength(threes.length);
  for (const [k, { fromUs, toUs }] of threes.entries()) {
    expect(told[k]).toBeGreaterThan(fromUs);
    expect(told[k]).toBeLessThan(toUs + 300_000);
  }
});

describe("what can't be taught is refused in words, and leaves no file", () => {
  const refused = (words: Partial<TeachOptions>, out = "none.json") =>
    teach(join(folder, "again.yaml"), {
      from: `${three!.fromUs}us`,
      to: "5s",
      set: [],
      ...words,
      out: join(folder, out),
    });

  test.each<[string, Partial<TeachOptions>]>([
    ["no spike in that span", { from: "1ms", to: "2ms" }],
    ["there is nothing at 1h: all ends after 9.00 s", { from: "1h", to: "1.01h" }],
    ["--to 1s is not after --from 2s", { from: "2s", to: "1s" }],
    ["--from soon is no time", { from: "soon" }],
    ["an example of 100 s is too long", { from: "0s", to: "100s" }],
    ['no stage "nobody" gives spikes', { of: "nobody" }],
    ['no stage "ears" gives spikes', { of: "ears" }],
  ])("%s", async (what, words) => {
    await expect(refused(words)).rejects.toThrow(what);
    expect(readdirSync(folder).filter((name) => name.includes("none"))).toEqual([]);
  });

  test("a file that is there, without force", async () => {
    writeFileSync(join(folder, "mine.json"), "mine");
    await expect(refused({}, "mine.json")).rejects.toThrow("exists");
    expect(readFileSync(join(folder, "mine.json"), "utf8")).toBe("mine");
  });
});
