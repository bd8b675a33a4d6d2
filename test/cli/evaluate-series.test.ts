/** `evaluate --labels` on telemetry: which labelled stretches of a series a detector told, and what it told besides. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scoreStreams } from "../../src/cli/evaluate-streams.ts";
import { cli } from "../support/cli.ts";
import { root } from "../support/world.ts";

const scratch = mkdtempSync(join(tmpdir(), "reflexarc-series-"));
afterAll(() => rmSync(scratch, { recursive: true }));

test("the pump's two faults are told, by a document without a network, and a sweep tells the trade", async () => {
  const document = join(scratch, "sentinel.yaml");
  writeFileSync(
    document,
    `
about: Tells what is strange.
stages:
  - { id: meter, use: series, file: none.csv }
  - { id: code, use: population, features: [{ of: value }, { of: change }] }
  - { id: odd, use: anomaly }
  - { id: lamp, use: winner-take-all, command: lamp, values: [${Array(256).fill(1)}], tauUs: 1000 }
  - { id: pointer, use: dry-run, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`,
  );
  const labels = join(scratch, "labels.csv");
  // The bundled pump is blocked at 200 s and runs dry at 260 s, for 12 s each: recordings/README.md.
  const rows = [
    ["blocked", 200],
    ["dry", 260],
  ].map(([label, atS]) => `pump-load.csv,${label},${atS}000000,${Number(atS) + 12}000000`);
  writeFileSync(labels, `file,label,startUs,endUs\n${rows.join("\n")}\n`);
  const { code, stderr, stdout } = await cli([
    ...["evaluate", document, "--data", join(root, "recordings"), "--labels", labels],
    ...["--set", "odd.threshold=60", "--sweep", "threshold=0,60,255", "--json"],
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  const told = JSON.parse(stdout) as {
    latencyFrom: string;
    latencyMs: { largest: number };
    det: { missRate: number; falseAlarmsPerHour: number }[];
  };
  expect(told).toMatchObject({ stage: "odd", targets: 2, hits: 2, missRate: 0, latencyFrom: "start" });
  expect(told.latencyMs.largest).toBeGreaterThanOrEqual(0);
  expect(told.latencyMs.largest).toBeLessThan(5000);
  const [all, chosen, none] = told.det;
  expect(all!.falseAlarmsPerHour).toBeGreaterThan(chosen!.falseAlarmsPerHour);
  expect([none!.missRate, none!.falseAlarmsPerHour]).toEqual([1, 0]);
}, 60_000);

test("what says something is right by its time alone, and said again it is no false alarm", () => {
  const stretches = [
    { file: "a", label: "dry", startUs: 100, endUs: 200 },
    { file: "a", label: "calm", startUs: 300, endUs: 400 },
  ];
  const told = new Map([["a", { timesUs: [50, 120, 130, 350, 500], ids: [9, 94, 95, 94, 94] }]]);
  const rules = { targets: new Set(["dry"]), windowUs: 10 };
  const something = scoreStreams(stretches, told, 1, { ...rules, says: "something" });
  expect(something).toMatchObject({ hits: 1, targets: 1, falseAlarms: 3, latenciesUs: [20] });
  expect(something.falseAlarmsDuring).toEqual({ "": 2, calm: 1 });
  expect(scoreStreams(stretches, told, 1, { ...rules, says: "words" })).toMatchObject({
    hits: 0,
    falseAlarms: 5,
  });
});
