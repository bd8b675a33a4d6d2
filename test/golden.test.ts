/** Every bundled pipeline against its golden trace: the motor commands in full, everything else by digest. */

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { bundled, runBundled } from "./support/world.ts";

// `npm run golden` writes them anew; its diff is reviewed like code.
test.each(bundled())("%s moves as it did", async (name) => {
  const { trace, summary } = await runBundled(name);
  expect(summary.exitCode).toBe(0);
  const sha256 = createHash("sha256").update(trace.join("\n")).digest("hex");
  const counts = Object.fromEntries(summary.stages.map(({ id, out }) => [id, out]));
  const wires = trace.filter((line) => line.includes('"wire":'));
  expect(wires.length).toBeGreaterThan(10);
  const golden = [JSON.stringify({ lines: trace.length, sha256, out: counts }), ...wires];
  await expect(golden.join("\n") + "\n").toMatchFileSnapshot(`golden/${name}.jsonl`);
});
