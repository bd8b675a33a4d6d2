/** Counts of synapses from a projection's structure equal those that the engine's loops deliver. */

import { expect, test } from "vitest";
import { wire } from "../../src/core/wiring.ts";
import { countAlong, linksOf } from "../../src/mapping/index.ts";
import type { Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { randomNetwork } from "../support/random-network.ts";
import { randomTrained } from "../support/random-trained.ts";

/** Each weight 1, so that a membrane's charge counts the synapses that were delivered. */
function counting(network: Network): Network {
  const projections = network.projections.map((projection) => ({
    ...projection,
    weights: { values: new Float64Array(projection.weights.values.length).fill(1), scale: 1 },
  }));
  return { ...network, projections };
}

function check(network: Network, seed: number): number {
  const random = seededRandom(seed);
  let synapses = 0;
  for (const projection of network.projections) {
    const { size: sources } = network.populations[projection.from]!;
    const { size } = network.populations[projection.to]!;
    const groups = wire({ ...network, projections: [projection] });
    const count = countAlong(network, [projection]);
    for (let source = 0; source < sources; source++) {
      const charge = new Float64Array(size);
      const membranes = {
        size,
        charge,
        scale: 1,
        ceiling: Infinity,
        candidates: new Uint32Array(0),
        candidateCount: 0,
      };
      for (const { deliver } of groups) deliver(Uint32Array.of(source), 0, 1, membranes);
      const first = Math.floor(random() * size);
      const end = first + Math.floor(random() * (size + 1 - first));
      const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
      expect(count(source, 0, size)).toBe(sum(charge));
      expect(count(source, first, end)).toBe(sum(charge.subarray(first, end)));
      synapses += sum(charge);
    }
  }
  return synapses;
}

test("of documented and of trained networks, whole and in spans", () => {
  let synapses = 0;
  for (let number = 0; number < 40; number++) synapses += check(counting(randomNetwork(number)), number);
  for (let number = 0; number < 20; number++)
    synapses += check(counting(randomTrained(number, ["if"])), number);
  expect(synapses).toBeGreaterThan(10_000);
});

test("through a relay each path is a synapse", () => {
  // conv -> pooled (a relay) -> out: four pixels of a window each reach what the window reaches.
  const network = randomTrained(1, ["if"]);
  const folded = linksOf(network).find(({ path }) => path.length === 2)!;
  expect(network.populations[folded.from]!.name).toBe("conv");
  const count = countAlong(network, folded.path);
  const last = countAlong(network, folded.path.slice(1));
  const [pool] = folded.path;
  const into = countAlong(network, [pool!]);
  for (let source = 0; source < 80; source++) {
    let expected = 0;
    for (let relay = 0; relay < 16; relay++) expected += into(source, relay, relay + 1) * last(relay, 1, 4);
    expect(count(source, 1, 4)).toBe(expected);
  }
});
