// Makes cart-pole.network.json, the controller of cart-pole.yaml: `npm run build && node pipelines/cart-pole.train.mjs`.
//
// An evolutionary search over small networks of integrate-and-fire neurons (RISP) with whole delays, as TENNLab does it (EONS;
// J. S. Plank et al., JLPEA 15(1):5, 2025), but with our own rules: left and right are alike, so that an edge always comes with
// its mirror image, and a network is judged by how long it keeps poles up that start from Gymnasium's states. The seed is part
// of the recipe: the same network every time.

import { writeFileSync } from "node:fs";
import { cartPoleStarts, hasFallen, pushN, stepCartPole } from "../dist/drivers/cart-pole/plant.js";
import { createStepped } from "../dist/src/core/index.js";
import { networkFromTennlab } from "../dist/src/network/index.js";
import { seededRandom } from "../dist/src/random.js";

const random = seededRandom(11);
const below = (count) => Math.floor(count * random());
const pick = (list) => list[below(list.length)];

const stepsEach = 24;
const ranges = [2.4, 2, 0.209, 2];
const delayMax = 15;
const population = 60;
const generations = 60;

// Nodes 0 to 7 are inputs (2 j for a negative value, 2 j + 1 for a positive one), 8 and 9 outputs (left, right), 10 and 11
// between them. The mirror image of each is its neighbour.
const mirror = (node) => node ^ 1;
const sources = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11];
const targets = [8, 9, 10, 11];

const randomEdge = () => ({
  from: pick(sources),
  to: pick(targets),
  delay: 1 + below(delayMax),
  weight: random() < 0.8 ? 1 : -1,
});

/** Each edge and its mirror image; of several between the same nodes the first counts. */
function unfolded({ edges }) {
  const all = new Map();
  for (const { from, to, delay, weight } of edges)
    for (const [a, b] of [
      [from, to],
      [mirror(from), mirror(to)],
    ])
      if (!all.has(`${a} ${b}`)) all.set(`${a} ${b}`, { from: a, to: b, values: [weight, delay] });
  return [...all.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

function written(genome) {
  const property = (name, index, type, least, most) => ({
    name,
    type,
    index,
    size: 1,
    min_value: least,
    max_value: most,
  });
  return {
    Properties: {
      node_properties: [property("Threshold", 0, 68, 1, 3)],
      edge_properties: [property("Weight", 0, 68, -1, 1), property("Delay", 1, 73, 1, delayMax)],
      network_properties: [],
    },
    Nodes: Array.from({ length: 12 }, (_, id) => ({ id, values: [id < 10 ? 1 : genome.threshold] })),
    Edges: unfolded(genome),
    Inputs: [0, 1, 2, 3, 4, 5, 6, 7],
    Outputs: [8, 9],
    Associated_Data: { proc_params: { leak_mode: "none", min_potential: -1 } },
  };
}

/** How many steps of the plant until the pole falls, at most `most`. */
function stepsUpright(genome, start, most) {
  const engine = createStepped(networkFromTennlab(JSON.stringify(written(genome)), "genome"));
  const outputs = engine.cells[2];
  const input = new Float64Array(8);
  let state = start;
  for (let done = 0; done < most; done++) {
    const values = [state.xM, state.xMPerS, state.angleRad, state.angleRadPerS];
    const counts = [0, 0];
    for (let step = 0; step < stepsEach; step++) {
      input.fill(0);
      if (step % 3 === 0)
        for (const [j, value] of values.entries())
          if (step / 3 < Math.ceil(8 * Math.min(1, Math.abs(value) / ranges[j])))
            input[2 * j + (value > 0 ? 1 : 0)] = 1;
      engine.step(input);
      for (let k = 0; k < outputs.count; k++) counts[outputs.ids[k]] += 1;
    }
    state = stepCartPole(state, counts[1] > counts[0] ? pushN : -pushN);
    if (hasFallen(state)) return done + 1;
  }
  return most;
}

function mutated(parent) {
  const edges = parent.edges.map((edge) => ({ ...edge }));
  const kind = random();
  if (kind < 0.3 || edges.length === 0) edges.push(randomEdge());
  else if (kind < 0.5 && edges.length > 1) edges.splice(below(edges.length), 1);
  else if (kind < 0.8) pick(edges).delay = 1 + below(delayMax);
  else Object.assign(pick(edges), { [pick(["from", "to"])]: undefined }, randomEdge());
  return { edges, threshold: random() < 0.1 ? 1 + below(3) : parent.threshold };
}

function crossed(a, b) {
  const edges = [...a.edges, ...b.edges].filter(() => random() < 0.5);
  return { edges: edges.length === 0 ? a.edges : edges, threshold: pick([a, b]).threshold };
}

const nextStart = cartPoleStarts(5);
const starts = Array.from({ length: 12 }, nextStart);

/** The steps from several starts, up to the first from which it falls; of equals the smaller network. */
function judged(genome, most) {
  let sum = 0;
  for (const start of starts.slice(0, 6)) {
    const steps = stepsUpright(genome, start, most);
    sum += steps;
    if (steps < most) break;
  }
  return { genome, score: sum / 6 - 0.01 * unfolded(genome).length };
}

let most = 500;
let crowd = Array.from({ length: population }, () =>
  judged({ edges: Array.from({ length: 4 }, randomEdge), threshold: 1 + below(2) }, most),
);
const better = (a, b) => b.score - a.score;
for (let generation = 0; generation < generations; generation++) {
  crowd.sort(better);
  console.log(
    `generation ${generation}: ${crowd[0].score.toFixed(1)} of ${most}, ${unfolded(crowd[0].genome).length} edges`,
  );
  if (crowd[0].score > 0.99 * most) {
    if (most === 15_000) break;
    most = Math.min(15_000, most * 6);
    crowd = crowd.slice(0, 10).map(({ genome }) => judged(genome, most));
    crowd.sort(better);
  }
  const elite = crowd.slice(0, 10);
  const parent = () => elite[Math.min(below(elite.length), below(elite.length))].genome;
  while (elite.length < population) {
    const child = random() < 0.3 ? crossed(parent(), parent()) : mutated(parent());
    elite.push(judged(random() < 0.3 ? mutated(child) : child, most));
  }
  crowd = elite;
}
crowd.sort(better);
const [{ genome }] = crowd;
console.log(`of 12 starts: ${starts.map((start) => stepsUpright(genome, start, 15_000)).join(" ")}`);
writeFileSync(
  new URL("cart-pole.network.json", import.meta.url),
  `${JSON.stringify(written(genome), null, 2).replace(/\[\s+(-?[\d.]+(?:,\s+-?[\d.]+)*)\s+\]/g, (_, list) => `[${list.replace(/\s+/g, " ")}]`)}\n`,
);
