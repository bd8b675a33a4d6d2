/** The evolutionary search: never worse than where it starts, the same for the same seed, within every limit. */

import { expect, test } from "vitest";
import {
  Ground,
  type Layout,
  layoutGreedily,
  refusalsOf,
  searchLayout,
  Traffic,
} from "../../src/mapping/index.ts";
import { seededRandom } from "../../src/random.ts";
import { figure, tinyChip } from "../support/tiny-chip.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

const network = networkOf({ in: [1, 4, 4], hidden: [2, 4, 4], out: [1, 1, 8] }, [
  { from: "in", to: "hidden", pattern: "convolution", kernel: [3, 3], padding: [1, 1], weights: 1 },
  dense("hidden", "out"),
  dense("out", "hidden", -1, { delayUs: 1000 }),
]);

function start(seed: number, axonsIn = 64) {
  const chip = tinyChip({
    cores: [{ count: figure(8), neurons: figure(24), synapseBits: figure(4000), axonsIn: figure(axonsIn) }],
  });
  const ground = new Ground(network, chip);
  const fit = layoutGreedily(ground);
  if ("refusals" in fit) throw new Error(JSON.stringify(fit.refusals));
  const random = seededRandom(seed);
  const rates = network.populations.map(({ size }) =>
    Float64Array.from({ length: size }, () => 3 * random()),
  );
  return { layout: fit.layout, traffic: new Traffic(ground, rates) };
}
const told = ({ slices }: Layout) =>
  slices.map(({ population, first, end, core }) => [population, first, end, core]);

test("finds a faster layout than the greedy one, and the same again", () => {
  const { layout, traffic } = start(1);
  const before = traffic.loadOf(layout).latencyNs;
  const found = searchLayout(layout, traffic, { generations: 25, seed: 7 });
  expect(found.load.latencyNs).toBeLessThan(0.8 * before);
  expect(found.tried).toBeGreaterThan(200);
  const again = start(1);
  const same = searchLayout(again.layout, again.traffic, { generations: 25, seed: 7 });
  expect(told(same.layout)).toEqual(told(found.layout));
  expect(same.load.latencyNs).toBe(found.load.latencyNs);
});

test("is never slower than the greedy layout, gets no slower with more generations, and keeps to the limits", () => {
  for (let seed = 0; seed < 12; seed++) {
    const { layout, traffic } = start(seed, 48);
    let before = traffic.loadOf(layout).latencyNs;
    for (const generations of [0, 1, 4, 10]) {
      const found = searchLayout(layout, traffic, { generations, seed });
      expect(found.load.latencyNs).toBeLessThanOrEqual(before);
      expect(refusalsOf(found.layout)).toEqual([]);
      expect(traffic.loadOf(found.layout).latencyNs).toBe(found.load.latencyNs);
      before = found.load.latencyNs;
    }
  }
});
