/** Every kind of mistake in a document is named with its line and its remedy. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import { catalogOf, type DocumentOptions, readDocument } from "../../src/pipeline/document.ts";
import { anyOptions, defineActuator, defineSensor, defineStage } from "../../src/stage.ts";

const never = () => {
  throw new Error("nothing is created while a document is read");
};
const sensor = defineSensor({
  name: "recording",
  about: "A recording.",
  gives: "events",
  live: false,
  options: z.strictObject({ file: z.string().describe("the recording") }),
  open: never,
});
const filter = defineStage({
  name: "refractory",
  about: "A filter.",
  takes: "events",
  gives: "events",
  options: z.strictObject({ periodUs: z.int().positive().describe("dead time, microseconds") }),
  create: never,
});
const encoder = defineStage({
  name: "polarity-grid",
  about: "An encoder.",
  takes: "events",
  gives: "spikes",
  options: z.strictObject({}),
  create: never,
});
const readout = defineStage({
  name: "rate",
  about: "A readout.",
  takes: "spikes",
  gives: "commands",
  options: z.strictObject({}),
  create: never,
});
const servo = defineActuator({
  name: "dry-run",
  about: "A servo.",
  units: ["deg"],
  options: z.strictObject({ port: z.string().default("x").describe("the port") }),
  encode: never,
  open: never,
});
const catalog = catalogOf(
  [sensor, filter, encoder, readout, servo].map((definition) => anyOptions(definition)),
);

const good = `about: A reflex.
stages:
  - { id: eye, use: recording, file: a.aedat4 }
  - { id: clean, use: refractory, periodUs: 1000 }
  - { id: grid, use: polarity-grid }
  - { id: aim, use: rate }
  - id: pan
    use: dry-run
    limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 }
`;

function read(text: string, options?: DocumentOptions) {
  return readDocument(text, "doc.yaml", catalog, options);
}

function mistakes(text: string, options?: DocumentOptions): string[] {
  try {
    read(text, options);
  } catch (error) {
    if (!(error instanceof ReflexarcError)) throw error;
    expect(error.exitCode).toBe(2);
    return [error.detail, ...(error.detail.also ?? [])].map((detail) => new ReflexarcError(detail).message);
  }
  return [];
}

test("a good document becomes a plan in which each stage takes the one above", () => {
  const plan = read(good);
  expect(plan.about).toBe("A reflex.");
  expect(plan.nodes.map(({ id, kind, from }) => [id, kind, from])).toEqual([
    ["eye", "sensor", []],
    ["clean", "stage", ["eye"]],
    ["grid", "stage", ["clean"]],
    ["aim", "stage", ["grid"]],
    ["pan", "actuator", ["aim"]],
  ]);
  const pan = plan.nodes.at(-1)!;
  expect(pan.options).toEqual({ port: "x" });
  expect(pan).toHaveProperty("guard.limits.maxDeg", 180);
});

test("stages come after those that feed them, whatever their order in the document", () => {
  const plan = read(`stages:
  - { id: eye, use: recording, file: a }
  - { id: late, use: refractory, periodUs: 1, from: early }
  - { id: early, use: refractory, periodUs: 1, from: eye }
`);
  expect(plan.nodes.map(({ id }) => id)).toEqual(["eye", "early", "late"]);
});

test("--set overrides a value, deep ones too, and makes what is missing", () => {
  const plan = read(good, {
    overrides: ["eye.file=b.aedat4", "pan.limits.maxDeg=90", "seed=7", "clean.periodUs=5"],
  });
  expect(plan.seed).toBe(7);
  expect(plan.nodes[0]!.options).toEqual({ file: "b.aedat4" });
  expect(plan.nodes[1]!.options).toEqual({ periodUs: 5 });
  expect(plan.nodes[4]).toHaveProperty("guard.limits.maxDeg", 90);
});

describe("mistakes", () => {
  const cases: [name: string, text: string, expected: RegExp][] = [
    [
      "a misspelt key",
      good.replace("periodUs", "periodus"),
      /no option "periodus" \(doc\.yaml:4\)\. Did you mean "periodUs"\? Allowed: periodUs, id, use, from/,
    ],
    [
      "a misspelt stage",
      good.replace("polarity-grid", "polarty-grid"),
      /no stage called "polarty-grid" \(doc\.yaml:5\)\. Did you mean "polarity-grid"/,
    ],
    [
      "a misspelt key of the document",
      good.replace("about:", "abuot:"),
      /no key "abuot" \(doc\.yaml:1\)\. Did you mean "about"/,
    ],
    [
      "a misspelt limit",
      good.replace("maxDeg", "maxDegs"),
      /no option "limits\.maxDegs" \(doc\.yaml:9\)\. Did you mean "maxDeg"/,
    ],
    ["no limits", good.replace(/\n {4}limits.*/, ""), /dry-run needs the option "limits" \(doc\.yaml:7\)/],
    [
      "limits in a unit that the actuator doesn't know",
      good.replace("minDeg: 0, maxDeg: 180, slewDegPerS: 300", "minDuty: 0, maxDuty: 1, slewDutyPerS: 1"),
      /takes no commands in duty \(doc\.yaml:9\). Give its limits in deg/,
    ],
    ["limits upside down", good.replace("maxDeg: 180", "maxDeg: -5"), /limits.*doc\.yaml:9/],
    [
      "a missing option",
      good.replace(", periodUs: 1000", ""),
      /refractory needs the option "periodUs" \(doc\.yaml:4\)\. It is dead time, microseconds/,
    ],
    [
      "a wrong value",
      good.replace("1000", "fast"),
      /"periodUs" of refractory is wrong: expected number.*\(doc\.yaml:4\)\. "periodUs" is dead time/,
    ],
    [
      "a value out of range",
      good.replace("1000", "-3"),
      /"periodUs" of refractory is wrong.*\(doc\.yaml:4\)/,
    ],
    ["not a number", good.replace("1000", ".nan"), /"periodUs" of refractory is wrong/],
    ["infinity", good.replace("slewDegPerS: 300", "slewDegPerS: 1e999"), /slewDegPerS/],
    [
      "a prototype key",
      good.replace("{ id: aim, use: rate }", "{ id: aim, use: rate, __proto__: { a: 1 } }"),
      /no option "__proto__" \(doc\.yaml:6\)/,
    ],
    ["a twin id", good.replace("id: clean", "id: eye"), /two stages are called "eye" \(doc\.yaml:4\)/],
    ["no id", good.replace("id: clean, ", ""), /needs an `id`.*\(doc\.yaml:4\)/],
    [
      "an unknown from",
      good.replace("use: rate }", "use: rate, from: gird }"),
      /takes from "gird".*\(doc\.yaml:6\)\. Did you mean "grid"/,
    ],
    [
      "a readout fed by raw events",
      good.replace(/ {2}- \{ id: grid.*\n/, ""),
      /"aim" \(rate\) takes spikes, but "clean" \(refractory\) gives events \(doc\.yaml:5\)\. Put one of these between them: polarity-grid/,
    ],
    [
      "an actuator fed by events",
      good.replace("use: dry-run", "use: dry-run\n    from: eye"),
      /takes commands, but "eye" \(recording\) gives events.*an encoder, a core and a readout/,
    ],
    [
      "a stage after an actuator",
      `${good}  - { id: more, use: rate }\n`,
      /takes from "pan", an actuator.*Say from which stage/,
    ],
    [
      "a sensor that takes",
      good.replace("file: a.aedat4", "file: a, from: pan"),
      /"eye" is a sensor and takes nothing \(doc\.yaml:3\)/,
    ],
    [
      "a circle",
      good.replace("periodUs: 1000 }", "periodUs: 1, from: clean }"),
      /feed each other in a circle: clean, grid, aim, pan \(doc\.yaml:4\)/,
    ],
    [
      "nothing to take",
      "stages:\n  - { id: a, use: rate }\n",
      /"a" is the first stage and has nothing to take/,
    ],
    ["a name with a slash", `name: a/b\n${good}`, /`name` must be a word.*\(doc\.yaml:1\)/],
    ["no stages", "about: x\n", /`stages` must be a list/],
    ["an empty file", "", /a pipeline document is a map/],
    ["broken YAML", good.replace("{ id: eye", "{ id: : eye"), /not valid YAML.*\(doc\.yaml:3\)/],
    [
      "an alias bomb",
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nstages: [*c,*c,*c]\n`,
      /aliases can't be resolved/,
    ],
    ["a bracket bomb", "[".repeat(100_000), /nested deeper than 32 \(doc\.yaml:1\)/],
    ["a dash bomb", "- ".repeat(50_000), /nested deeper than 32 \(doc\.yaml:1\)/],
    ["a huge file", `about: ${"x".repeat(5_000_000)}`, /at most 4194304 are read/],
  ];
  test.each(cases)("%s", (_, text, expected) => {
    expect(mistakes(text).join("\n")).toMatch(expected);
  });

  test("all of them are told at once", () => {
    expect(mistakes(good.replace("polarity-grid", "grit").replace("periodUs", "period"))).toHaveLength(3);
  });

  test.each([
    ["nobody.file=x", /no stage "nobody"/],
    ["eye=x", /no stage "eye" with that key/],
    ["eye.fil=x", /no option "fil" \(--set eye\.fil=x\)\. Did you mean "file"/],
    ["clean.periodUs=slow", /"periodUs" of refractory is wrong.*\(--set clean\.periodUs=slow\)/],
    ["nonsense", /this is not `stage\.key=value` \(--set nonsense\)/],
    ["eye.__proto__.x=1", /this is not `stage\.key=value`/],
  ])("--set %s", (override, expected) => {
    expect(mistakes(good, { overrides: [override] }).join("\n")).toMatch(expected);
  });
});

test.each([
  ["follow.yaml", "follow"],
  ["my house/2 pan & tilt.v2.yaml", "pan-tilt-v2"],
  ["C:\\pipelines\\follow.yml", "follow"],
  ["command line", "command-line"],
  ["+#.yaml", "pipeline"],
])("a document in %s is called %s in topics, unless it has a name", (path, word) => {
  expect(readDocument(good, path, catalog).pipeline).toBe(word);
  expect(readDocument(`name: den\n${good}`, path, catalog).pipeline).toBe("den");
  expect(readDocument(good, path, catalog, { overrides: ["name=hall"] }).pipeline).toBe("hall");
});
