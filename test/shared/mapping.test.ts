/** Networks that others trained on the bundled chips: which of them hold which, and what a search finds. */

import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { chips } from "../../src/chips/index.ts";
import { Ground, layoutGreedily, refusalsOf, searchLayout, Traffic } from "../../src/mapping/index.ts";
import { networkFromNir } from "../../src/network/index.ts";
import { shared } from "../support/shared.ts";

const files = readdirSync(shared("networks", "nir")).filter((name) =>
  /^(cnn|lif|braille).*(?<!subgraph)\.nir$/.test(name),
);
const networkOf = (file: string) => networkFromNir(readHdf5File(shared("networks", "nir", file)), file);

test("each chip holds a network within all limits, or names one that is in the way", () => {
  expect(files.length).toBeGreaterThan(2);
  for (const file of files) {
    const holders = chips.filter((chip) => {
      const fit = layoutGreedily(new Ground(networkOf(file), chip, 1000));
      if ("layout" in fit) expect(refusalsOf(fit.layout)).toEqual([]);
      else for (const { needed, allowed } of fit.refusals) expect(needed).toBeGreaterThan(allowed);
      return "layout" in fit;
    });
    expect(holders.map(({ name }) => name)).toContain("generic");
  }
});

test("the convolutional network was made for Speck, and is too wide for Xylo's inputs", () => {
  const network = networkOf(files.find((name) => name.startsWith("cnn"))!);
  const onto = (name: string) =>
    layoutGreedily(new Ground(network, chips.find((chip) => chip.name === name)!, 1000));
  expect(onto("speck")).toHaveProperty("layout");
  expect(onto("xylo")).toMatchObject({
    refusals: expect.arrayContaining([{ limit: "inputs", where: "input", needed: 2312, allowed: 16 }]),
  });
  const greedy = onto("loihi2");
  if (!("layout" in greedy)) throw new Error("it does not fit");
  const traffic = new Traffic(
    greedy.layout.ground,
    network.populations.map(({ size }) => new Float64Array(size).fill(0.05)),
  );
  const found = searchLayout(greedy.layout, traffic, { generations: 4, seed: 1 });
  expect(found.load.latencyNs).toBeLessThan(0.5 * traffic.loadOf(greedy.layout).latencyNs);
});
