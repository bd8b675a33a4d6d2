// Adds our own digits to a table of N-MNIST samples, for the network that digit.yaml ships:
// `npm run build && node pipelines/digit.samples.mjs FOLDER TABLE OUT` reads the table (file,label) of the recordings in
// FOLDER and writes OUT/labels.csv with them and 80 recordings of its own, which it writes beside it. With OUT alone the table
// has its own 80 only.
//
// They are what the simulated camera of recordings/digits.bin sees (drivers/synthetic/), each with another contrast,
// threshold and noise, so that the pointer is right on the bundled recording too. The seeds are part of the recipe.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import synthetic from "../dist/drivers/synthetic.js";
import { encodeFile } from "../dist/src/formats/format.js";
import { formatNamed } from "../dist/src/formats/index.js";
import { seededRandom } from "../dist/src/random.js";

const args = process.argv.slice(2);
const out = args.at(-1);
const [folder, table] = args.length === 3 ? args : [out, undefined];
const random = seededRandom(11);
const between = (low, high) => low + (high - low) * random();
mkdirSync(out, { recursive: true });
const rows = table === undefined ? [] : readFileSync(table, "utf8").trim().split("\n").slice(1);
const lines = rows.map((row) => row.split(",").slice(0, 2).join(","));
for (let n = 0; n < 80; n++) {
  const digit = n % 10;
  const scene = { scene: "digit-saccades", digits: `${digit}`, width: 34, height: 34, durationMs: 400 };
  const camera = {
    contrast: between(3.5, 6.5),
    threshold: between(0.3, 0.5),
    noiseHz: between(0.2, 3),
    hotPixels: 0,
  };
  const options = synthetic.options.parse({ ...scene, ...camera, packetUs: 20_000 });
  const sensor = await synthetic.open(options, { seed: n + 100, signal: new AbortController().signal });
  const encoder = formatNamed("nmnist").encoder(sensor.geometry, {});
  const packets = [];
  for await (const { count, fromUs, toUs, times, addresses, geometry } of sensor.packets)
    packets.push({
      count,
      fromUs,
      toUs,
      geometry,
      times: times.slice(0, count),
      addresses: addresses.slice(0, count),
    });
  const file = join(out, `own-${n}.bin`);
  writeFileSync(file, encodeFile(encoder, packets));
  lines.push(`${relative(folder, file)},${digit}`);
}
writeFileSync(join(out, "labels.csv"), `file,label\n${lines.join("\n")}\n`);
const others = table === undefined ? "" : `${rows.length} samples of ${table} and `;
console.log(`${others}80 of our own: ${join(out, "labels.csv")}`);
