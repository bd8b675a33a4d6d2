/** Small random networks of every pattern, with delays, recurrence and refractory periods; and spikes to feed them. */

import { type NeuronGeometry, neurons, sizeOf } from "../../src/events/geometry.ts";
import { buildNetwork, checkNetwork, type Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import type { Event } from "./packets.ts";

type Shape = [channels: number, height: number, width: number];

/** The network with this number: always the same. */
export function randomNetwork(number: number): Network {
  const random = seededRandom(number);
  const whole = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const number1 = (least: number, most: number) => least + random() * (most - least);
  const oneOf = <T>(...items: T[]) => items[whole(0, items.length - 1)]!;

  const delay = (recurrent: boolean) => {
    const delayUs = oneOf(0, 1, whole(2, 60), whole(100, 4000));
    return recurrent ? Math.max(1, delayUs) : delayUs;
  };
  let loops = false;
  const neuron = () => ({
    ...(random() < 0.85 && { tauMs: oneOf(number1(0.05, 1), number1(1, 30)) }),
    threshold: number1(0.6, 1.6),
    reset: oneOf(0, number1(-0.6, 0.3)),
    rest: oneOf(0, number1(-0.3, 0.3)),
    // A loop without rest would only run away.
    refractoryUs: loops ? whole(200, 4000) : oneOf(0, 1, whole(2, 100), whole(500, 4000)),
  });
  const weights = () =>
    oneOf<unknown>(
      number1(0.2, 1.2),
      { kind: "uniform", min: number1(-0.4, 0.1), max: number1(0.3, 1.1) },
      { kind: "normal", mean: number1(0, 0.5), deviation: 0.4 },
      { kind: "mexican-hat", peak: 1, sigmaCells: number1(0.4, 2), surround: 0.3, surroundSigmaCells: 3 },
    );
  const bits = () => (random() < 0.3 ? { bits: 8 } : {});

  const shapes: [name: string, Shape][] = [["in", [whole(1, 2), whole(2, 5), whole(2, 5)]]];
  const projections: unknown[] = [];
  const join = (from: number, to: number) => {
    const recurrent = from >= to;
    loops ||= recurrent;
    const ends = { from: shapes[from]![0], to: shapes[to]![0], ...bits() };
    if (random() < 0.4) {
      projections.push({
        ...ends,
        pattern: "dense",
        self: random() < 0.5,
        weights: weights(),
        delayUs: delay(recurrent),
      });
      return;
    }
    const minUs = delay(recurrent);
    const delayUs = oneOf<unknown>(minUs, { minUs, maxUs: minUs + whole(0, 900), stepUs: oneOf(1, 50, 300) });
    projections.push({
      ...ends,
      pattern: "sparse",
      probability: number1(0.1, 0.9),
      weights: weights(),
      delayUs,
    });
  };
  /** A population that some earlier one reaches in a structured way, which decides its shape. */
  const grow = (name: string) => {
    const from = whole(0, shapes.length - 1);
    const [source, [channels, height, width]] = shapes[from]!;
    const ends = { from: source, to: name, ...bits(), weights: weights(), delayUs: delay(false) };
    const pattern = oneOf("pool", "one-to-one", "convolution", "list", "any");
    if (pattern === "pool") {
      shapes.push([name, [oneOf(1, channels), whole(1, height), whole(1, width)]]);
      projections.push({ ...ends, pattern });
    } else if (pattern === "one-to-one") {
      shapes.push([name, [channels, height, width]]);
      projections.push({ ...ends, pattern });
    } else if (pattern === "convolution") {
      const kernel = [whole(1, Math.min(3, height)), whole(1, Math.min(3, width))] as const;
      const stride = [whole(1, 2), whole(1, 2)] as const;
      const padding = [whole(0, kernel[0] - 1), whole(0, kernel[1] - 1)] as const;
      const side = (length: number, axis: 0 | 1) =>
        Math.floor((length + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
      shapes.push([name, [whole(1, 3), side(height, 0), side(width, 1)]]);
      projections.push({ ...ends, pattern, kernel, stride, padding });
    } else {
      shapes.push([name, [1, whole(1, 3), whole(1, 3)]]);
      const to = shapes.length - 1;
      if (pattern === "any") return join(from, to);
      const size = (index: number) => sizeOf(neurons(...shapes[index]![1]));
      const synapses = Array.from({ length: whole(1, 12) }, () => [
        whole(0, size(from) - 1),
        whole(0, size(to) - 1),
        number1(-0.5, 1.2),
        delay(false),
      ]);
      projections.push({ from: source, to: name, pattern: "sparse", synapses });
    }
  };
  for (const name of ["a", "b", "c"].slice(0, whole(1, 3))) grow(name);
  for (let more = whole(0, 3); more > 0; more--)
    join(whole(0, shapes.length - 1), whole(1, shapes.length - 1));

  const document = {
    input: "in",
    output: shapes.at(-1)![0],
    populations: Object.fromEntries(
      shapes.map(([name, shape], index) => [name, { shape, ...(index > 0 && { neuron: neuron() }) }]),
    ),
    projections,
  };
  return buildNetwork(
    checkNetwork(document, (path) => `network ${number}, ${path.join(".")}`),
    { geometry: neurons(...shapes[0]![1]), seed: number, readText: () => "" },
  );
}

/** Spikes from 0 to `toUs`: some alone, some in volleys of one microsecond, in any order of ids. */
export function randomSpikes(
  geometry: NeuronGeometry,
  number: number,
  toUs: number,
  meanGapUs: number,
): Event[] {
  const random = seededRandom(number ^ 0x5bd1e995);
  const events: Event[] = [];
  const size = sizeOf(geometry);
  for (
    let timeUs = Math.floor(random() * meanGapUs);
    timeUs < toUs;
    timeUs += 1 + Math.floor(random() ** 2 * 3 * meanGapUs)
  ) {
    const volley = random() < 0.2 ? 2 + Math.floor(random() * 4) : 1;
    for (let i = 0; i < volley; i++) events.push([timeUs, Math.floor(random() * size)]);
  }
  return events;
}
