/** A trace of a live source can't be verified, and that is said at once. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("verify refuses a live source", async () => {
  const document = join(folder, "live.yaml");
  const trace = join(folder, "live.jsonl");
  writeFileSync(
    document,
    'stages: [{ id: eye, use: udp, geometry: "16x16" }, { id: clean, use: refractory, periodUs: 10 }]',
  );
  writeFileSync(trace, JSON.stringify({ document, set: [], detail: "digest", live: false, arm: false }));
  const { code, stderr } = await cli(["verify", trace]);
  expect(stderr).toMatch(/"eye" \(udp\) was a live source.*Record it with a file sink/);
  expect(code).toBe(2);
});
