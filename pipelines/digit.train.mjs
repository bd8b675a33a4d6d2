// Makes digit.weights.txt, the templates of digit.network.yaml: `npm run build && node pipelines/digit.train.mjs`.
//
// Learns from our own handwriting alone (drivers/synthetic/digits.ts), written anew 2000 times: stretched, slanted,
// turned, bent, thick or thin. Each sample is what a camera sees of it under the three saccades of N-MNIST: how often
// each of 17 x 17 cells fires. A softmax regression on these pictures gives a row of weights a digit, and no row has a
// bias, so that neurons can add them up event by event. The seeds are part of the recipe: the same weights every time.

import { writeFileSync } from "node:fs";
import { handwriting, inkAt, inkCentre, inkTable } from "../dist/drivers/synthetic/digits.js";
import { saccadeCorners } from "../dist/drivers/synthetic/scene.js";
import { seededNormal, seededRandom } from "../dist/src/random.js";

const samples = 2000;
const epochs = 40;
const decay = 5e-4;
const sidePx = 34;
const side = 17;
const cells = side * side;

const random = seededRandom(7);
const normal = seededNormal(random);
const between = (low, high) => low + (high - low) * random();

/** Strokes as another hand would write them, 18 pixels high or wide, whichever is more. */
function rewrite(strokes) {
  const [stretch, slant, turn, tremble] = [
    between(0.85, 1.4),
    between(-0.15, 0.5),
    between(-0.2, 0.2),
    between(0.3, 1.4),
  ];
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const written = strokes.map((stroke) => {
    const [first, last] = [stroke[0], stroke.at(-1)];
    const calm = first[0] === last[0] && first[1] === last[1] ? 0.35 * tremble : tremble;
    const [wide, dx, dy] = [between(0.85, 1.15), 0.4 * normal(), 0.4 * normal()];
    return stroke.map(([px, py]) => {
      const y = py + dy + calm * normal();
      const x = px * stretch * wide + dx + calm * normal() - slant * y;
      return [cos * x - sin * y, sin * x + cos * y];
    });
  });
  const [xs, ys] = [0, 1].map((axis) => written.flat().map((point) => point[axis]));
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  return written.map((stroke) => stroke.map(([x, y]) => [(x * 18) / extent, (y * 18) / extent]));
}

/** Change of log intensity that each cell sees while the digit goes from corner to corner, 20 in all. */
function lookAt(table, centreX, centreY) {
  const seen = new Float64Array(cells);
  const before = new Float64Array(sidePx * sidePx).fill(Number.NaN);
  for (let leg = 1; leg < saccadeCorners.length; leg++)
    for (let part = leg === 1 ? 0 : 0.1; part < 1.05; part += 0.1) {
      const [from, to] = [saccadeCorners[leg - 1], saccadeCorners[leg]];
      const [dx, dy] = [0, 1].map((axis) => from[axis] + (to[axis] - from[axis]) * part);
      for (let y = 0; y < sidePx; y++)
        for (let x = 0; x < sidePx; x++) {
          const pixel = y * sidePx + x;
          const now = Math.log(1 + 4 * inkAt(table, x - centreX - dx, y - centreY - dy));
          const change = Math.abs(now - before[pixel]);
          if (change > 0)
            seen[Math.floor((y * side) / sidePx) * side + Math.floor((x * side) / sidePx)] += change;
          before[pixel] = now;
        }
    }
  const sum = seen.reduce((total, change) => total + change, 0);
  return seen.map((change) => (20 * change) / sum);
}

function drawSample(digit) {
  const hands = handwriting[digit];
  const table = inkTable(rewrite(hands[Math.floor(random() * hands.length)]), between(0.5, 2.9), 1.4);
  const [x, y] = inkCentre(table);
  return lookAt(table, 16.5 - x + 0.8 * normal(), 17 - y + 0.8 * normal());
}

/** Softmax regression without biases, by stochastic gradient descent. */
function learn(pictures, labels) {
  const weights = Array.from({ length: 10 }, () => new Float64Array(cells));
  const order = pictures.map((_, index) => index);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rate = 0.5 / (1 + 0.1 * epoch);
    let right = 0;
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    for (const sample of order) {
      const picture = pictures[sample];
      const scores = weights.map((row) => row.reduce((sum, weight, cell) => sum + weight * picture[cell], 0));
      const best = Math.max(...scores);
      if (scores.indexOf(best) === labels[sample]) right += 1;
      const likely = scores.map((score) => Math.exp(score - best));
      const all = likely.reduce((sum, value) => sum + value, 0);
      weights.forEach((row, digit) => {
        const error = likely[digit] / all - (digit === labels[sample] ? 1 : 0);
        for (let cell = 0; cell < cells; cell++)
          row[cell] -= rate * (error * picture[cell] + decay * row[cell]);
      });
    }
    if (epoch === epochs - 1)
      console.log(`${((100 * right) / samples).toFixed(1)} % of its own samples are right`);
  }
  return weights;
}

/** Whole numbers up to 127; what all digits have in common is left out, so that the likeliest is always above 0. */
function toRows(weights) {
  const common = weights[0].map(
    (_, cell) => weights.reduce((sum, row) => sum + row[cell], 0) / weights.length,
  );
  const rest = weights.map((row) => row.map((weight, cell) => weight - common[cell]));
  const scale = 127 / Math.max(...rest.map((row) => Math.max(...row.map(Math.abs))));
  return rest.map((row) => Array.from(row, (weight) => Math.round(weight * scale)));
}

const labels = Array.from({ length: samples }, (_, index) => index % 10);
const rows = toRows(learn(labels.map(drawSample), labels));
const lines = rows.map((row, digit) => `# ${digit}\n${row.join(" ")}\n`);
writeFileSync(
  new URL("digit.weights.txt", import.meta.url),
  `# Made by digit.train.mjs: a row of ${side} x ${side} weights for each digit. Where it has ink, the numbers are positive.\n${lines.join("")}`,
);
