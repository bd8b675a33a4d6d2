/** Chip documents: the bundled ones say where each figure is from; a bad one is told by its place. */

import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { chips, coreCount, openChip, parseChip } from "../../src/chips/index.ts";

const loihi = chips[0]!;
const changed = (change: (chip: Record<string, unknown>) => void): string => {
  const copy = structuredClone(loihi) as unknown as Record<string, unknown>;
  change(copy);
  return stringify(copy);
};
const at = (chip: Record<string, unknown>, ...path: string[]) =>
  path.reduce((part, key) => part[key] as Record<string, unknown>, chip);

test("seven chips, each of which can be written out and read back", () => {
  expect(chips.map(({ name }) => name)).toEqual([
    ...["loihi", "loihi2", "truenorth", "speck", "xylo", "spinnaker2", "generic"],
  ]);
  for (const chip of chips) expect(parseChip(stringify(chip), "copy.yaml")).toEqual(chip);
});

test("published totals", () => {
  const neurons = (name: string) =>
    openChip(name, () => "").cores.reduce((sum, kind) => sum + kind.count.value * kind.neurons.value, 0);
  expect(neurons("loihi")).toBe(131_072);
  expect(neurons("loihi2")).toBe(1_048_576);
  expect(neurons("truenorth")).toBe(1_048_576);
  expect(neurons("speck")).toBe(327_680);
  expect(coreCount(openChip("truenorth", () => ""))).toBe(4096);
  expect(loihi.energyPj.synapticOperation).toEqual({ value: 23.6, basis: "published", source: "davies2018" });
});

describe("a bad document is told by its place", () => {
  const cases: [string, string, string][] = [
    [
      "an unknown key",
      changed((chip) => (at(chip, "energyPj").spikes = 1)),
      'unknown key "spikes" (own.yaml:',
    ],
    ["a misspelt key", changed((chip) => (at(chip, "timing").stepsUs = 1)), 'Did you mean "stepUs"?'],
    ["a missing part", changed((chip) => delete at(chip, "timeNs").barrier), '"timeNs.barrier" is missing'],
    [
      "a figure without a source",
      changed((chip) => (at(chip, "idleMw").source = "hearsay")),
      'there is no source "hearsay"',
    ],
    [
      "a negative energy",
      changed((chip) => (at(chip, "energyPj", "spike").value = -1)),
      "energyPj.spike.value",
    ],
    [
      "energy that is no number",
      changed((chip) => (at(chip, "energyPj", "spike").value = "much")),
      "expected number",
    ],
    ["a basis that is none", changed((chip) => (at(chip, "idleMw").basis = "guessed")), "idleMw.basis"],
    [
      "more cores than tiles",
      changed((chip) => (at(chip, "fabric").width = 2)),
      "128 cores do not fit on 2 x 4 tiles of 4",
    ],
    ["no YAML", "name: [", "this is not valid YAML"],
  ];
  test.each(cases)("%s", (_, text, message) => {
    expect(() => parseChip(text, "own.yaml")).toThrow(message);
    expect(() => parseChip(text, "own.yaml")).toThrow(/^\[chip\] /);
  });
});

test("a chip that isn't there: the nearest name, or all", () => {
  expect(() => openChip("lohi2", () => "")).toThrow('Did you mean "loihi2"?');
  expect(() => openChip("tpu-from-afar", () => "")).toThrow("Chips are loihi, loihi2, truenorth");
  expect(openChip("my.yaml", () => stringify({ ...loihi, name: "mine" })).name).toBe("mine");
});
