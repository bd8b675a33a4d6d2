/** The engine's host allocates nothing that grows with the spikes: measured in a process whose heap nobody tidies meanwhile. */

import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { root } from "../support/world.ts";

/** One packet again and again, later each time: nothing here allocates while it is measured. */
const program = `
const [dist, count] = process.argv.slice(1);
const [core, document, geometries, packets] = await Promise.all(
  ["core/index", "network/index", "events/geometry", "events/packet"].map((file) => import(dist + file + ".js")),
);
const geometry = geometries.neurons(2, 8, 8);
const network = document.buildNetwork(
  document.checkNetwork(
    {
      input: "in",
      output: "net",
      populations: { in: {}, net: { shape: [1, 16, 16], neuron: { tauMs: 20, threshold: 1, refractoryUs: 2000 } } },
      projections: [
        { from: "in", to: "net", pattern: "dense", bits: 8, weights: 0.01 },
        {
          from: "net",
          to: "net",
          pattern: "sparse",
          probability: 0.1,
          bits: 8,
          weights: { kind: "uniform", min: -0.1, max: 0.1 },
          delayUs: { minUs: 500, maxUs: 8000, stepUs: 500 },
        },
      ],
    },
    String,
  ),
  { geometry, seed: 1, readText: () => "" },
);
const engine = core.createFloat32Engine(network, { ...core.engineBounds, spikesPerMsMax: Infinity });
const spanUs = 20 * count;
const packet = new packets.Packet(geometry).begin(0, spanUs);
for (let k = 0; k < count; k++) packet.push(20 * k, (37 * k) % 128);
const out = new packets.Packet(geometry, 1 << 16);
function turn(packetCount) {
  for (let k = 0; k < packetCount; k++) {
    engine.run(packet, out);
    packet.fromUs += spanUs;
    packet.toUs += spanUs;
    for (let i = 0; i < count; i++) packet.times[i] += spanUs;
  }
}
turn(1000);
gc();
const spikes = engine.ledger.spikes;
const before = process.memoryUsage();
turn(500);
const after = process.memoryUsage();
console.log(JSON.stringify({
  spikes: (engine.ledger.spikes - spikes) / 500,
  heap: (after.heapUsed - before.heapUsed) / 500,
  buffers: after.arrayBuffers - before.arrayBuffers,
}));
`;

test("a packet of a thousand spikes costs no number on the heap for each", () => {
  // Room enough that what is allocated stays until it has been counted.
  const heap = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
  const dist = pathToFileURL(`${root}dist/src/`).href;
  const words = [...heap, "--input-type=module", "-e", program, dist, "1000"];
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  expect(stderr).toBe("");
  const told = JSON.parse(stdout) as { spikes: number; heap: number; buffers: number };
  expect(told.spikes).toBeGreaterThan(1000);
  // Bytes a packet: views of columns, about 600. Numbers on the heap, 12 bytes a spike at least, would be 25,000; the plain
  // loops, which keep times in variables of a closure, come to 32,000.
  expect(told.heap).toBeLessThan(6000);
  expect(told.buffers).toBeLessThan(10_000);
});
