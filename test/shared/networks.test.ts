/** Networks that others trained and recorded run here as they ran there; the figures are those of `networks.md`. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { createStepped } from "../../src/core/index.ts";
import { networkFromNir, readNpy } from "../../src/network/index.ts";
import { shared } from "../support/shared.ts";

const filesOf = (folder: string) => readdirSync(shared("networks", folder)).sort();
const textOf = (...path: string[]) => readFileSync(shared("networks", ...path), "utf8");
const csvOf = (...path: string[]) =>
  textOf(...path)
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
const npyOf = (...path: string[]) => readNpy(readFileSync(shared("networks", ...path)), path.at(-1)!);
const nir = (file: string) => networkFromNir(readHdf5File(shared("networks", "nir", file)), file);

const nirFiles = filesOf("nir").filter((name) => name.endsWith(".nir"));
const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1);
  return list[0]!;
};

describe("a LIF neuron", () => {
  const network = nir(only(nirFiles.filter((name) => name.includes("lif"))));
  const recorded = (part: string) => csvOf("nir", only(filesOf("nir").filter((name) => name.includes(part))));

  test("gives the recorded trace of Norse to its printed digits", () => {
    const trace = recorded("norse.csv");
    const engine = createStepped(network, { dtUs: 100 });
    const cells = engine.cells[network.output]!;
    const own = trace.map(([input]) => {
      engine.step(Float64Array.of(input!));
      return [input, Math.fround(cells.state.v![0]!), cells.count];
    });
    expect(own.map(([, , spike]) => spike)).toEqual(trace.map(([, , spike]) => spike));
    // The file has the shortest digits that tell float32 numbers apart.
    expect(own.map(([, v]) => v)).toEqual(trace.map(([, v]) => Math.fround(v!)));
  });
});

describe("the Braille network", () => {
  test("gives the recorded activity: 0 of its cells differ", () => {
    const network = nir(only(nirFiles.filter((name) => /braille.*zero\.nir$/.test(name))));
    const activity = npyOf("nir", only(filesOf("nir").filter((name) => /activity.*npy$/.test(name))));
    const input = csvOf("nir", only(filesOf("nir").filter((name) => /input.*csv$/.test(name))));
    const engine = createStepped(network, { dtUs: 100 });
    const hidden = engine.cells[network.populations.findIndex(({ size }) => size === 38)]!;
    const counts = new Float64Array(network.populations[network.output]!.size);
    const own = new Float64Array(activity.values.length);
    for (const [step, row] of input.entries()) {
      engine.step(Float64Array.from(row));
      for (let k = 0; k < hidden.count; k++) own[step * 38 + hidden.ids[k]!] = 1;
      const out = engine.cells[network.output]!;
      for (let k = 0; k < out.count; k++) counts[out.ids[k]!]! += 1;
    }
    expect(own.length).toBe(9728);
    expect(own.reduce((sum, spike) => sum + spike)).toBe(119);
    expect(own.filter((spike, cell) => spike !== activity.values[cell]).length).toBe(0);
    expect([...counts]).toEqual([10, 160, 112, 113, 103, 68, 121]);
  });

  test("a graph within a graph whose edge leads to nowhere is refused, and the edge is named", () => {
    expect(() => nir(only(nirFiles.filter((name) => name.includes("subgraph"))))).toThrow(
      /the edge "(input|lif|lin)" -> "(lif|lin|output)" names "lif", which is not there/,
    );
  });
});
