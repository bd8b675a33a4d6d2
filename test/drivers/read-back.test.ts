/** Reading back: which channels there are, and what a document may ask. */

import { expect, test } from "vitest";
import readBack from "../../drivers/read-back.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import { catalog } from "../support/world.ts";

const document = (...stages: string[]) =>
  readDocument(`stages:\n${stages.map((stage) => `  - ${stage}\n`).join("")}`, "document", catalog);
const eye = "{ id: eye, use: synthetic }";
const arm = "{ id: arm, use: dry-run, from: aim, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }";
const sense = [
  "{ id: place, use: place-code }",
  "{ id: brain, use: core, network: follow.network.yaml }",
  "{ id: aim, use: rate }",
];

test("a channel for each reading, with the unit that its name ends in", async () => {
  const names = ["angleDeg", "speedDegPerS", "load", "temperatureC", "voltageV", "currentA", "pulseUs"];
  const options = readBack.options.parse({ of: "arm", readings: names });
  const { geometry } = await readBack.open(options, {} as never);
  expect(geometry.channels.map(({ unit }) => unit)).toEqual(["deg", "deg/s", "", "degC", "V", "A", "us"]);
  expect(readBack.readsBack!(options)).toEqual({ of: "arm", names, everyUs: 20_000 });
});

test("the actuator may stand below: the loop is no circle", () => {
  const plan = document(eye, "{ id: feel, use: read-back, of: arm }", ...sense, arm);
  expect(plan.nodes.map(({ id }) => id)).toEqual(["eye", "feel", "place", "brain", "aim", "arm"]);
});

test("what it reads back must be an actuator of the document", () => {
  expect(() => document(eye, "{ id: feel, use: read-back, of: armm }", ...sense, arm)).toThrow(
    /"feel" reads back "armm", which is no actuator here \(document:3\)\. Did you mean "arm"\? Allowed: arm\./,
  );
});

test("somebody else must say how time goes", () => {
  expect(() => document("{ id: feel, use: read-back, of: arm }", ...sense, arm)).toThrow(
    /only reads back, so nothing says how time goes/,
  );
});
