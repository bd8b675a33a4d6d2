/** The words of a pipeline: what they stand for, that a document says the same, and how they are refused. */

import { expect, test } from "vitest";
import { ReflexarcError } from "../../src/errors.ts";
import { planOf, readDocument } from "../../src/pipeline/document.ts";
import { readWords, wordsOfStage } from "../../src/pipeline/words.ts";
import { catalog } from "../support/world.ts";

const settings = { json: "flag", speed: "value" } as const;
const read = (text: string) => readWords(text.split(" "), catalog, { settings });
const stagesOf = (text: string) => (read(text).document.value as { stages: object[] }).stages;

test("the whole of it", () => {
  const text =
    "input file x.aedat4 --from 2s filter background-activity --window-us 5000 filter crop --roi 10,11,64x65 " +
    "output file y.raw --format evt3 --force output file z.es";
  const stages = [
    { id: "recording", use: "recording", file: "x.aedat4", fromUs: 2_000_000 },
    { id: "background-activity", use: "background-activity", windowUs: 5000 },
    { id: "crop", use: "crop", x: 10, y: 11, width: 64, height: 65 },
    { id: "file", use: "file", file: "y.raw", format: "evt3", force: true },
    { id: "file-2", use: "file", file: "z.es" },
  ];
  expect(stagesOf(text)).toEqual(stages);
  const fromWords = planOf(read(text).document, "document", catalog);
  const fromYaml = readDocument(JSON.stringify({ stages }), "document", catalog);
  const withoutPlace = (plan: typeof fromYaml) =>
    plan.nodes.map(({ where, definition, ...node }) => ({ ...node, use: definition.name }));
  expect(withoutPlace(fromWords)).toEqual(withoutPlace(fromYaml));
  expect(fromWords.nodes.at(-1)!.from).toEqual(["crop"]);
});

test.each<[string, object]>([
  ["--window-us 5000", { windowUs: 5000 }],
  ["--window-us=5000", { windowUs: 5000 }],
  ["--window 5ms", { windowUs: 5000 }],
  ["--window-us 0.005s", { windowUs: 5000 }],
])("an option of time: %s", (option, expected) => {
  expect(stagesOf(`input file a filter background-activity ${option}`)[1]).toMatchObject(expected);
});

test("values are what the option's schema takes: a text, a number, a list, a map, a flag", () => {
  expect(stagesOf("input file 12 --geometry 10x20 --chip DVS128")[0]).toMatchObject({
    file: "12",
    geometry: "10x20",
    chip: "DVS128",
  });
  expect(stagesOf("input file a filter mask --pixels [[1,2],[3,4]]")[1]).toMatchObject({
    pixels: [
      [1, 2],
      [3, 4],
    ],
  });
  expect(stagesOf("input file a output file b --force")[1]).toMatchObject({ force: true });
  expect(stagesOf("input file a output file b --no-force")[1]).toMatchObject({ force: false });
  const limits = "{minDeg:-60,maxDeg:60,slewDegPerS:90}";
  const [, servo] = (
    readWords(
      ["input", "file", "a", "output", "dry-run", "--limits", limits.replaceAll(":", ": ")],
      catalog,
      {
        settings,
      },
    ).document.value as { stages: object[] }
  ).stages;
  expect(servo).toMatchObject({ limits: { minDeg: -60, maxDeg: 60, slewDegPerS: 90 } });
});

test("inputs beside each other are merged; another input later begins another chain", () => {
  expect(
    stagesOf("input file a input file b filter crop output file c output file d input file e output file f"),
  ).toEqual([
    { id: "recording", use: "recording", file: "a" },
    { id: "recording-2", use: "recording", file: "b" },
    { id: "crop", use: "crop", from: ["recording", "recording-2"] },
    { id: "file", use: "file", file: "c" },
    { id: "file-2", use: "file", file: "d" },
    { id: "recording-3", use: "recording", file: "e" },
    { id: "file-3", use: "file", file: "f" },
  ]);
});

test("the command's own options stand anywhere; a stage's of the same name goes first", () => {
  const { settings: found, document } = read("input file a --json output file b --speed 2 --force");
  expect(found).toEqual({ json: true, speed: "2" });
  expect(document.value).toMatchObject({ stages: [{}, { file: "b", force: true }] });
});

test.each([
  ["output", "there is no output called"],
  ["x.aedat4", "stands where a stage begins"],
  ["input fil a", 'Did you mean "file"'],
  ["input crop", 'there is no input called "crop"'],
  ["input file a b", '"b" is a word too many for recording'],
  [
    "input file a filter crop --widht 3",
    'crop has no option "--widht" (filter crop --widht). Did you mean "--width"',
  ],
  ["input file a filter crop --roi 1,2,3", "this is no region"],
  ["input file a filter crop --width", "a value is missing"],
  ["input file a filter crop --width output file b", "a value is missing"],
  ["input file a output constructor", 'there is no output called "constructor"'],
  ["input file a filter crop --constructor 1", 'no option "--constructor"'],
])("%s is refused", (text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text)).toThrow(ReflexarcError);
});

test("a value that the stage refuses is told by its words", () => {
  const { document } = read("input file a filter crop --width -3 output dry-run");
  expect(() => planOf(document, "command line", catalog)).toThrow(/width.*\(filter crop --width\)/);
});

test("a filter in short, with commas in its values", () => {
  expect(wordsOfStage("crop,roi=1,2,3x4")).toEqual(["crop", "--roi=1,2,3x4"]);
  expect(wordsOfStage("refractory,periodUs=1000")).toEqual(["refractory", "--period-us=1000"]);
  expect(wordsOfStage("polarity")).toEqual(["polarity"]);
});
