// Trains ReLU layers on counts of spikes, for conversion.train.yaml: `node pipelines/rules/relu.mjs FOLDER TABLE OUT` reads the
// recordings of the table (file,label, and use where some are only for judging) through that document's stages and writes OUT, a
// safetensors file as PyTorch's Linear layers have it. Nothing here knows of steps or of thresholds. Seeded; some seconds.

import { writeFileSync } from "node:fs";
import { encodeFiles } from "../../dist/src/cli/train-data.js";
import { readTrainDocument } from "../../dist/src/cli/train-document.js";
import { readTrainSamples } from "../../dist/src/cli/train-samples.js";
import { reluInput } from "../../dist/src/learning/index.js";
import { seededNormal, seededRandom } from "../../dist/src/random.js";

const [folder, labels, out] = process.argv.slice(2);
const [hidden, epochs, rate] = [64, 30, 0.02];
const read = readTrainDocument(new URL("conversion.train.yaml", import.meta.url).pathname);
const samples = readTrainSamples({ labels });
const { set, classes } = await encodeFiles(read, folder, samples, () => {});
const inputs = samples.map((_, n) => reluInput(set, n, read.document.network.inputPerSpike));
const learned = samples.flatMap(({ use }, n) => (use === "judge" ? [] : [n]));
const random = seededRandom(5);
const normal = seededNormal(random);

const layers = [set.inputs, hidden, classes.length].flatMap((width, l, widths) => {
  if (l === 0) return [];
  const before = widths[l - 1];
  const weights = Float32Array.from({ length: width * before }, () => normal() * Math.sqrt(1 / before));
  return [{ before, width, weights, bias: new Float32Array(width) }];
});

/** W x + b; of all layers but the last cut below 0. */
function forward({ before, width, weights, bias }, x, isLast) {
  return Float64Array.from({ length: width }, (_, o) => {
    let sum = bias[o];
    for (let i = 0; i < before; i++) sum += weights[o * before + i] * x[i];
    return isLast ? sum : Math.max(0, sum);
  });
}

for (let epoch = 0; epoch < epochs; epoch++) {
  const order = learned.map((n) => [random(), n]).sort(([a], [b]) => a - b);
  const step = rate * 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs));
  let right = 0;
  for (const [, n] of order) {
    const h = forward(layers[0], inputs[n], false);
    const y = forward(layers[1], h, true);
    const most = Math.max(...y);
    const likely = y.map((value) => Math.exp(value - most));
    const all = likely.reduce((sum, value) => sum + value, 0);
    const error = likely.map((value, k) => value / all - (k === set.labels[n] ? 1 : 0));
    if (y.indexOf(most) === set.labels[n]) right += 1;
    const back = h.map((value, i) =>
      value > 0 ? error.reduce((sum, e, k) => sum + e * layers[1].weights[k * hidden + i], 0) : 0,
    );
    for (const [layer, x, e] of [
      [layers[1], h, error],
      [layers[0], inputs[n], back],
    ])
      for (let o = 0; o < layer.width; o++) {
        layer.bias[o] -= step * e[o];
        for (let i = 0; i < layer.before; i++) layer.weights[o * layer.before + i] -= step * e[o] * x[i];
      }
  }
  if (epoch === epochs - 1)
    console.log(`${right} of ${learned.length} right in the last of ${epochs} epochs`);
}

const header = {};
const parts = [];
let at = 0;
for (const [l, { before, width, weights, bias }] of layers.entries())
  for (const [name, shape, values] of [
    [`fc${l + 1}.weight`, [width, before], weights],
    [`fc${l + 1}.bias`, [width], bias],
  ]) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.byteLength] };
    parts.push(Buffer.from(values.buffer));
    at += values.byteLength;
  }
const text = JSON.stringify(header);
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(text.length));
writeFileSync(out, Buffer.concat([length, Buffer.from(text), ...parts]));
