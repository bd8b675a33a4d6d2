/** `run` with a network in a thread of its own: the same bytes, and the thread ends with the run. */

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-threads-"));

async function traced(thread: string) {
  const file = join(folder, `${thread}.jsonl`);
  const words = [
    "run",
    "pipelines/goalie.yaml",
    "--set",
    `brain.thread=${thread}`,
    "--trace",
    file,
    "--json",
  ];
  const { code, stdout } = await cli(words);
  expect(code).toBe(0);
  const [, ...lines] = readFileSync(file, "utf8").split("\n");
  const stages = JSON.parse(stdout).stages as { counts: object; lost: object; out: number }[];
  return { lines, stages: stages.map(({ counts, lost, out }) => ({ counts, lost, out })) };
}

test("every line of the trace is the same, and so is the summary", async () => {
  const [own, shared] = [await traced("own"), await traced("shared")];
  expect(own.lines.length).toBeGreaterThan(100);
  expect(own.lines.join("\n") === shared.lines.join("\n")).toBe(true);
  expect(own.stages).toEqual(shared.stages);
});
