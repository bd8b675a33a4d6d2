/** `evaluate` from outside: recordings and streams that are easy to tell apart, by one thread and by several. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readLabelTable } from "../../src/cli/evaluate-labels.ts";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-evaluate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

writeFileSync(
  at("sides.yaml"),
  `
about: Left or right.
stages:
  - { id: eye, use: recording, file: none.bin }
  - { id: halves, use: polarity-grid, columns: 2, rows: 1, polarity: merge }
  - id: brain
    use: core
    network:
      input: in
      output: side
      populations: { in: { shape: [1, 1, 2] }, side: { shape: [1, 1, 2], neuron: { threshold: 5 } } }
      projections: [{ from: in, to: side, pattern: one-to-one, weights: 1 }]
  - { id: choice, use: winner-take-all, command: side, values: [45, 135] }
  - { id: pointer, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`,
);

writeFileSync(
  at("stream.yaml"),
  readFileSync(at("sides.yaml"), "utf8").replace(
    "  - { id: choice,",
    "  - { id: side-told, use: keyword, evidence: 3, margin: 1, holdOffUs: 200000 }\n  - { id: choice,",
  ),
);

/** An N-MNIST file: at each time 60 events in one column, over 30 ms. */
function recording(
  name: string,
  ...bursts: readonly (number | readonly [x: number, fromUs: number])[]
): void {
  const rows = bursts.flatMap((burst) => {
    const [x, fromUs] = typeof burst === "number" ? [burst, 0] : burst;
    return Array.from({ length: 60 }, (_, k) => {
      const timeUs = fromUs + k * 500;
      return [x, k % 34, 0x80 | (timeUs >> 16), (timeUs >> 8) & 255, timeUs & 255];
    });
  });
  writeFileSync(at(name), Uint8Array.from(rows.flat()));
}
for (const [name, x] of [
  ["a", 3],
  ["b", 30],
  ["c", 5],
  ["d", 28],
  ["e", 31],
] as const)
  recording(`${name}.bin`, x);
writeFileSync(at("labels.csv"), "label,file\n0,a.bin\n1,b.bin\n0,c.bin\n1,d.bin\n0,e.bin\n");

test("accuracy, confusion and cost are told, the same by any number of threads", async () => {
  const args = ["evaluate", at("sides.yaml"), "--data", folder, "--labels", at("labels.csv"), "--json"];
  const [one, three] = await Promise.all([cli(args), cli([...args, "--threads", "3"])]);
  expect([one.code, one.stderr]).toEqual([0, ""]);
  expect(three.stdout).toBe(one.stdout);
  expect(JSON.parse(one.stdout)).toMatchObject({
    samples: 5,
    right: 4,
    accuracy: 0.8,
    classes: ["0", "1"],
    confusion: [
      [2, 1, 0],
      [0, 2, 0],
    ],
    perDecision: { spikes: 12, "synaptic operations": 60, "neuron updates": 60 },
    // 60 operations of 23.6 pJ in 30 steps of 1 ms, in each of which two events reach one of two neurons.
    energy: {
      chip: "generic",
      microjoulesByKind: { synapticOperations: expect.closeTo((60 * 23.6) / 1e6, 12) },
    },
  });
  const { energy } = JSON.parse(one.stdout) as { energy: Record<string, unknown> };
  const kinds = Object.values(energy.microjoulesByKind as Record<string, number>);
  expect(energy.microjoules).toBeCloseTo(kinds.reduce((sum, kind) => sum + kind, 0) / 2, 12);
  expect(energy.model).toContain("a synaptic operation 23.6 pJ, assumed: Loihi's figures (Davies");
});

test("the confusion as a picture, and a detector in place of the network", async () => {
  const args = ["evaluate", at("stream.yaml"), "--data", folder, "--labels", at("labels.csv"), "--json"];
  const drawn = at("confusion.svg");
  const told = await cli([...args, "--by", "side-told", "--confusion", drawn]);
  // Of each burst one spike leaves the detector; the work that is told is still the network's.
  expect(JSON.parse(told.stdout)).toMatchObject({
    right: 4,
    confusion: [
      [2, 1, 0],
      [0, 2, 0],
    ],
    perDecision: { spikes: 12 },
  });
  const svg = readFileSync(drawn, "utf8");
  expect([...svg.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, share]) => Number(share))).toEqual([
    0.667, 0.333, 0, 0, 1, 0,
  ]);
});

test("streams: what was told of what was there, and what was not there", async () => {
  recording("long.bin", [3, 1e6], [30, 2e6], [3, 3e6], [3, 5e6], [30, 7e6]);
  recording("short.bin", [30, 500_000]);
  const table = [
    "long.bin,1000000,1030000,0",
    "long.bin,2000000,2030000,1",
    // Nothing happens here, and what happens at 3 s is told as another.
    "long.bin,2600000,2700000,0",
    "long.bin,3000000,3030000,1",
    // What happens at 5 s has no label; what happens at 7 s is told too late for this one.
    "long.bin,6000000,6690000,1",
    "short.bin,490000,600000,1",
  ];
  writeFileSync(at("stretches.csv"), `file,startUs,endUs,label\n${table.join("\n")}\n`);
  const args = ["evaluate", at("stream.yaml"), "--data", folder, "--labels", at("stretches.csv"), "--json"];
  const det = at("det.svg");
  const [one, two, narrow] = await Promise.all([
    cli([...args, "--det", det, "--sweep", "evidence=1,3,13"]),
    cli([...args, "--sweep", "evidence=1,3,13", "--threads", "2"]),
    cli([...args, "--targets", "0", "--window-ms", "400"]),
  ]);
  expect([one.code, one.stderr]).toEqual([0, ""]);
  expect(two.stdout).toBe(one.stdout);
  // Each recording lasts from its first event to its last.
  const hours = (6_029_500 + 29_500) / 3_600e6;
  const told = JSON.parse(one.stdout);
  expect(told).toMatchObject({
    stage: "side-told",
    recordings: 2,
    targets: 6,
    hits: 3,
    missRate: 0.5,
    falseAlarms: 3,
    falseAlarmsDuring: { "1": 1, "": 2 },
    words: { "0": { said: 2, told: 1 }, "1": { said: 4, told: 2 } },
  });
  expect(told.hours).toBeCloseTo(hours, 4);
  expect(told.falseAlarmsPerHour).toBeCloseTo(3 / told.hours, 6);
  // Five spikes of the network make three units of evidence; the first two stretches end with their burst.
  for (const ms of [told.latencyMs.median, told.latencyMs.largest]) expect(ms).toBeLessThan(0);
  const [low, same, never] = told.det;
  expect(low.missRate).toBe(0.5);
  expect(same).toMatchObject({ value: 3, missRate: 0.5, falseAlarmsPerHour: told.falseAlarmsPerHour });
  expect(never).toMatchObject({ value: 13, missRate: 1, falseAlarmsPerHour: 0 });
  expect(readFileSync(det, "utf8").match(/<circle/g)).toHaveLength(4);
  // Of one label alone, in a window that reaches far enough for the second; what is told of the other is then false.
  expect(JSON.parse(narrow.stdout)).toMatchObject({
    targets: 2,
    hits: 2,
    falseAlarms: 4,
  });
});

test("what is missing is named", async () => {
  const fails = async (code: number, expected: string, ...args: string[]) => {
    const told = await cli(["evaluate", at("stream.yaml"), "--data", folder, ...args]);
    expect([told.code, told.stderr]).toEqual([code, expect.stringContaining(expected)]);
  };
  writeFileSync(at("bare.csv"), "a.bin,0\n");
  writeFileSync(at("gone.csv"), "file,label\ngone.bin,0\n");
  await fails(2, "[evaluate] there are no columns file and label", "--labels", at("bare.csv"));
  await fails(2, '[evaluate] --threads is "many"', "--labels", at("labels.csv"), "--threads", "many");
  await fails(2, "gone.bin", "--labels", at("gone.csv"));
  const labels = ["--labels", at("labels.csv")];
  await fails(2, 'no stage "ear" gives spikes', ...labels, "--by", "ear");
  await fails(2, "--det is for streams", ...labels, "--det", at("no.svg"));
  writeFileSync(at("one.csv"), "file,label,startUs,endUs\na.bin,0,5,40\n");
  await fails(2, "gives no value that keyword can have", "--labels", at("one.csv"), "--sweep", "tau=1");
});

test("tables that tell of stretches by halves or backwards are refused by line", () => {
  const refusal = (text: string) => {
    writeFileSync(at("table.csv"), text);
    return () => readLabelTable({ labels: at("table.csv") });
  };
  expect(refusal("file,label,startUs\na.bin,0,5\n")).toThrow("only one of the columns startUs and endUs");
  for (const times of ["5,4", ",4", "x,4"])
    expect(refusal(`file,label,startUs,endUs\na.bin,0,1,2\na.bin,0,${times}\n`)).toThrow("table.csv:3");
  expect(refusal("file,label\na.bin,0\n")()).toEqual({ of: "files", rows: [{ file: "a.bin", label: "0" }] });
});
