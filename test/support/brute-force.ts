/**
 * A network simulated in steps of 1 us, as naively as can be: every projection is unrolled into synapses, from the
 * definition of its pattern, and every membrane decays by a multiplication in every step.
 *
 * It shares nothing with the engine but the network's description. Its rounding differs (50,000 products a membrane
 * against one exponential), so `closest` tells how near the threshold any decision came: a test that compares spikes
 * asserts that none was near enough to hang on a rounding. Sums that are equal to the threshold on paper differ from
 * it by a few 1e-16; the rule that 1e-12 below counts as reached decides them, and `closest` leaves them out.
 */

import type { NeuronGeometry } from "../../src/events/geometry.ts";
import { type Network, type Projection, weightValues } from "../../src/network/index.ts";
import type { Event } from "./packets.ts";

interface Synapse {
  readonly to: number;
  readonly target: number;
  readonly weight: number;
  readonly delayUs: number;
}

export interface BruteForce {
  /** Spikes of each population, in order of time and id. */
  readonly spikes: readonly Event[][];
  /** Potential of each neuron of each population at the end. */
  readonly potentials: readonly Float64Array[];
  readonly synapticOperations: number;
  readonly neuronUpdates: number;
  /** Nearest that a potential came to its threshold without an equality on paper, relative to threshold less rest. */
  readonly closest: number;
}

export function bruteForce(network: Network, input: readonly Event[], toUs: number): BruteForce {
  const populations = network.populations.map(({ neuron, ...rest }) => {
    if (neuron && neuron.model !== "jump") throw new Error(`no brute force for a ${neuron.model}`);
    return { ...rest, neuron };
  });
  const synapsesOf = populations.map(({ size }) => Array.from({ length: size }, (): Synapse[] => []));
  for (const projection of network.projections) unroll(network, projection, synapsesOf[projection.from]!);
  const delays = synapsesOf.flat(2).map(({ delayUs }) => delayUs);
  const ringSize = Math.max(0, ...delays) + 1;
  /** Charge and number of arrivals by population, then by microsecond and neuron. */
  const charges = populations.map(({ size }) => new Float64Array(ringSize * size));
  const arrivals = populations.map(() => new Float64Array(ringSize));
  const potentials = populations.map(({ size, neuron }) => new Float64Array(size).fill(neuron?.rest ?? 0));
  const readyUs = populations.map(({ size }) => new Float64Array(size).fill(-1));
  const spikes = populations.map((): Event[] => []);
  const decays = populations.map(({ neuron }) => Math.exp(-1 / (neuron?.tauUs ?? 1)));
  let synapticOperations = 0;
  let neuronUpdates = 0;
  let closest = Infinity;
  let next = 0;

  const spike = (population: number, id: number, timeUs: number) => {
    spikes[population]!.push([timeUs, id]);
    for (const { to, target, weight, delayUs } of synapsesOf[population]![id]!) {
      const slot = (timeUs + delayUs) % ringSize;
      charges[to]![slot * populations[to]!.size + target]! += weight;
      arrivals[to]![slot]! += 1;
    }
  };

  for (let timeUs = 0; timeUs < toUs; timeUs++) {
    const slot = timeUs % ringSize;
    for (; next < input.length && input[next]![0] === timeUs; next++)
      spike(network.input, input[next]![1], timeUs);
    for (let p = 0; p < populations.length; p++) {
      const { neuron, size } = populations[p]!;
      if (!neuron) continue;
      const { rest, reset, threshold, refractoryUs } = neuron;
      const v = potentials[p]!;
      const ready = readyUs[p]!;
      const charge = charges[p]!;
      const decay = decays[p]!;
      const reached = threshold - 1e-12 * (threshold - rest);
      const arrived = arrivals[p]![slot]!;
      synapticOperations += arrived;
      neuronUpdates += Math.min(arrived, size);
      for (let id = 0; id < size; id++) {
        if (timeUs > ready[id]!) v[id] = rest + (v[id]! - rest) * decay;
        if (arrived === 0) continue;
        const at = slot * size + id;
        const given = charge[at]!;
        charge[at] = 0;
        if (given === 0 || timeUs < ready[id]!) continue;
        v[id]! += given;
        const distance = Math.abs(v[id]! - threshold) / (threshold - rest);
        if (distance > 1e-14 && distance < closest) closest = distance;
        if (v[id]! < reached) continue;
        v[id] = reset;
        ready[id] = timeUs + refractoryUs;
        spike(p, id, timeUs);
      }
      arrivals[p]![slot] = 0;
    }
  }
  // The end itself: one more step of decay, nothing arrives.
  for (const [p, { neuron }] of populations.entries()) {
    for (const [id, v] of potentials[p]!.entries())
      if (neuron && toUs > readyUs[p]![id]!)
        potentials[p]![id] = neuron.rest + (v - neuron.rest) * decays[p]!;
  }
  return { spikes, potentials, synapticOperations, neuronUpdates, closest };
}

/** Writes a projection's synapses out, one by one, by asking of each target which sources it sums. */
function unroll(network: Network, projection: Projection, synapses: Synapse[][]): void {
  const { geometry: from, size: sources } = network.populations[projection.from]!;
  const { geometry: to, size: targets } = network.populations[projection.to]!;
  const weights = weightValues(projection.weights);
  const join = (source: number, target: number, weight: number, delayUs: number) =>
    synapses[source]!.push({ to: projection.to, target, weight, delayUs });
  if (projection.pattern === "sparse") {
    for (let source = 0; source < sources; source++)
      for (let k = projection.rowStarts[source]!; k < projection.rowStarts[source + 1]!; k++)
        join(source, projection.targets[k]!, weights[k]!, projection.delaysUs[k]!);
    return;
  }
  for (let target = 0; target < targets; target++) {
    const [o, y, x] = placeOf(target, to);
    for (let source = 0; source < sources; source++) {
      const [c, sourceY, sourceX] = placeOf(source, from);
      if (projection.pattern === "dense") {
        join(source, target, weights[source * targets + target]!, projection.delayUs);
      } else if (projection.pattern === "one-to-one") {
        const weight = weights[weights.length === 1 ? 0 : source]!;
        if (source === target) join(source, target, weight, projection.delayUs);
      } else if (projection.pattern === "pool") {
        const inWindow =
          (to.channels === 1 || c === o) &&
          Math.floor((sourceY * to.height) / from.height) === y &&
          Math.floor((sourceX * to.width) / from.width) === x;
        if (inWindow) join(source, target, weights[source]!, projection.delayUs);
      } else {
        const isWindow = projection.pattern === "window";
        const groups = isWindow ? from.channels : (projection.groups ?? 1);
        const [dilationY, dilationX] = (isWindow ? undefined : projection.dilation) ?? [1, 1];
        const [height, width] = projection.kernel;
        const channels = from.channels / groups;
        const ky = (sourceY + projection.padding[0] - y * projection.stride[0]) / dilationY;
        const kx = (sourceX + projection.padding[1] - x * projection.stride[1]) / dilationX;
        if (!Number.isInteger(ky) || !Number.isInteger(kx)) continue;
        if (ky < 0 || ky >= height || kx < 0 || kx >= width) continue;
        if (Math.floor(c / channels) !== Math.floor((o * groups) / to.channels)) continue;
        const place = isWindow ? 0 : ((o * channels + (c % channels)) * height + ky) * width + kx;
        join(source, target, weights[place]!, projection.delayUs);
      }
    }
  }
}

function placeOf(id: number, { height, width }: NeuronGeometry): [channel: number, y: number, x: number] {
  return [Math.floor(id / (height * width)), Math.floor(id / width) % height, id % width];
}
