/** A network that sees unlabelled N-MNIST finds the digits by itself, judged on samples that served for nothing else. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLearned } from "../../src/network/index.ts";
import { cli } from "../support/cli.ts";
import { readPng } from "../support/read-png.ts";
import { shared } from "../support/shared.ts";

const data = ["--data", shared("recordings/nmnist/train"), "--labels", shared("recordings/nmnist/train.csv")];
const document = "pipelines/unlabelled/digits.yaml";

test("expose tells digits that nobody named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "reflexarc-expose-"));
  const [png, learned] = [join(folder, "fields.png"), join(folder, "learned.json")];
  try {
    const told = await cli([
      ...["expose", document, ...data],
      ...["--png", png, "--learned", learned, "--json"],
    ]);
    expect([told.code, told.stderr]).toEqual([0, ""]);
    const { exposed, assigned, judged, right, accuracy, confusion, exposure } = JSON.parse(told.stdout);
    console.log(`${right} of ${judged} digits are right, ${exposed} were shown without labels`);
    expect(exposed).toBeGreaterThan(500);
    expect(exposed + assigned + judged).toBe(1000);
    expect(judged).toBeGreaterThan(150);
    expect(confusion.flat().reduce((sum: number, count: number) => sum + count)).toBe(judged);
    expect(accuracy).toBe(right / judged);
    expect(accuracy).toBeGreaterThan(0.6);
    expect(exposure["weight updates"]).toBeGreaterThan(1e6);
    const { width, height, frames } = readPng(readFileSync(png));
    expect([width, height, frames.length]).toEqual([10 * 72 + 4, 10 * 81 + 4, 1]);
    const { projections, populations } = readLearned(readFileSync(learned, "utf8"), learned);
    expect(projections.map(({ from, to, weights }) => [from, to, weights.length])).toEqual([
      ["grid", "cells", 17 * 17 * 100],
    ]);
    expect(Math.max(...populations[0]!.raised)).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("so it does on memristors that differ by a fifth, with 64 levels each", async () => {
  const crossbar = ["--set", "brain.network=digits.crossbar.network.yaml"];
  const told = await cli(["expose", document, ...data, ...crossbar, "--json"]);
  expect([told.code, told.stderr]).toEqual([0, ""]);
  const { right, judged, accuracy } = JSON.parse(told.stdout);
  console.log(`${right} of ${judged} digits are right on memristors`);
  expect(accuracy).toBeGreaterThan(0.6);
});
