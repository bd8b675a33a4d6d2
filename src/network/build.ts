/** From a network document to a network in memory: sizes are worked out and checked, weights are made. */

import { nearestName } from "../errors.ts";
import { describeGeometry, type NeuronGeometry, neurons, sameGeometry, sizeOf } from "../events/geometry.ts";
import { seededRandom, seedFor } from "../random.ts";
import type { Path } from "../yaml.ts";
import { type NetworkDocument, type PlacedDocument, refused } from "./document.ts";
import {
  type JumpNeuron,
  type Network,
  networkBounds,
  type Population,
  type Projection,
  type SparseProjection,
  type Weights,
} from "./network.ts";
import { buildPlasticity, type Plasticity, PlasticityError } from "./plasticity.ts";
import { type WeightOf, weightFunction } from "./weights.ts";

export interface BuildContext {
  /** Of the spikes that come in. */
  readonly geometry: NeuronGeometry;
  readonly seed: number;
  /** Reads a file of weights, relative to the document. */
  readonly readText: (path: string) => string;
}

type ProjectionDocument = NetworkDocument["projections"][number];
type Of<Pattern extends ProjectionDocument["pattern"]> = Extract<ProjectionDocument, { pattern: Pattern }>;

/** A projection on its way into memory. */
interface Draft<P> {
  readonly document: P;
  readonly from: Population;
  readonly to: Population;
  readonly ends: { readonly from: number; readonly to: number };
  readonly recurrent: boolean;
  readonly seed: number;
  readonly where: (key?: string) => string;
  readonly weightOf: (
    weights: Of<"dense">["weights"],
    from?: NeuronGeometry,
    to?: NeuronGeometry,
  ) => WeightOf;
}

/** Builds the network that a document describes. Throws a ReflexarcError that names the document, the path and the remedy. */
export function buildNetwork({ document, locate }: PlacedDocument, context: BuildContext): Network {
  const populations = buildPopulations(document, locate, context.geometry);
  const names = populations.map(({ name }) => name);
  const indexOf = (name: string, path: Path) => {
    const index = names.indexOf(name);
    if (index >= 0) return index;
    const near = nearestName(name, names);
    throw refused(
      `there is no population "${name}"`,
      locate(path),
      near ? `Did you mean "${near}"?` : `Populations are ${names.join(", ")}.`,
    );
  };
  const output = indexOf(document.output, ["output"]);
  const input = names.indexOf(document.input);
  let stored = 0;
  const projections = document.projections.map((projection, index): Projection => {
    const at: Path = ["projections", index];
    const where = (key?: string) => locate(key === undefined ? at : [...at, key]);
    const ends = {
      from: indexOf(projection.from, [...at, "from"]),
      to: indexOf(projection.to, [...at, "to"]),
    };
    if (ends.to === input)
      throw refused(
        "a projection leads to the input",
        where("to"),
        "The input only passes on what comes in: add a population.",
      );
    const from = populations[ends.from]!;
    const to = populations[ends.to]!;
    const seed = projection.seed ?? seedFor(context.seed, `${from.name} -> ${to.name} ${index}`);
    const draft: Draft<ProjectionDocument> = {
      document: projection,
      from,
      to,
      ends,
      recurrent: ends.from >= ends.to,
      seed,
      where,
      weightOf: (weights, fromGeometry = from.geometry, toGeometry = to.geometry) =>
        weightFunction({
          weights,
          from: fromGeometry,
          to: toGeometry,
          seed,
          where: where("weights"),
          readText: context.readText,
        }),
    };
    const built = build(draft, networkBounds.weights - stored);
    stored += built.weights.values.length;
    if (!("plasticity" in projection) || !projection.plasticity) return built;
    const plasticity = buildLearning(projection, draft, (name) => {
      const index = indexOf(name, [...at, "plasticity", "reward", "from"]);
      if (index === input)
        throw refused(
          "the input can't reward",
          locate([...at, "plasticity", "reward", "from"]),
          "Lead its neurons that reward to a population of their own.",
        );
      return { index, size: populations[index]!.size };
    });
    checkRange(built, plasticity, where("weights"));
    return { ...built, plasticity };
  });
  return { about: document.about, populations, projections, input, output };
}

type Learning = Extract<ProjectionDocument, { plasticity?: unknown }>;

function buildLearning(
  projection: Learning,
  { seed, where }: Draft<ProjectionDocument>,
  populationOf: Parameters<typeof buildPlasticity>[2],
): Plasticity {
  const { bits, plasticity } = projection;
  if ("self" in projection && !projection.self)
    throw refused(
      "a projection without `self` that learns",
      where("self"),
      "Its synapses must be listed: use the pattern sparse.",
    );
  if (bits !== undefined)
    throw refused(
      "weights that learn in 8 bits",
      where("bits"),
      "Leave bits out; a memristor of 256 states has as many levels.",
    );
  try {
    return buildPlasticity(plasticity!, seedFor(seed, "plasticity"), populationOf);
  } catch (error) {
    if (!(error instanceof PlasticityError)) throw error;
    throw refused(error.message, `${where("plasticity")}.${error.key}`, error.remedy);
  }
}

function checkRange({ weights }: Projection, { min, max }: Plasticity, where: string): void {
  const outside = weights.values.find((value) => value < min || value > max);
  if (outside !== undefined)
    throw refused(
      `a weight of ${outside} is not within min ${min} and max ${max} of its plasticity`,
      where,
      "Begin within, or widen min and max.",
    );
}

function buildPopulations(
  document: NetworkDocument,
  locate: PlacedDocument["locate"],
  incoming: NeuronGeometry,
): Population[] {
  const entries = Object.entries(document.populations);
  if (entries.length > networkBounds.populations)
    throw refused(`more than ${networkBounds.populations} populations`, locate(["populations"]));
  if (!Object.hasOwn(document.populations, document.input))
    throw refused(
      `there is no population "${document.input}" for the input`,
      locate(["input"]),
      `Populations are ${entries.map(([name]) => name).join(", ")}.`,
    );
  const populations = entries.map(([name, { shape, neuron }]): Population => {
    const at: Path = ["populations", name];
    const isInput = name === document.input;
    if (isInput && neuron)
      throw refused(
        "the input has neuron parameters",
        locate([...at, "neuron"]),
        "The input only passes on what comes in: leave `neuron` out, or add a population.",
      );
    if (!isInput && !shape)
      throw refused(`population "${name}" has no shape`, locate(at), "Add shape: [channels, height, width].");
    const geometry = shape ? neurons(...shape) : incoming;
    // Merged populations come in as one row without a form: the network may lay it out as it likes.
    const isRow = incoming.channels === 1 && incoming.height === 1;
    const fits = isRow ? sizeOf(geometry) === sizeOf(incoming) : sameGeometry(geometry, incoming);
    if (isInput && !fits)
      throw refused(
        `the input "${name}" is ${describeGeometry(geometry)}, but ${describeGeometry(incoming)} come in`,
        locate([...at, "shape"]),
        "Make this shape and the encoder's the same, or leave the input's shape out.",
      );
    return {
      name,
      geometry,
      size: sizeOf(geometry),
      neuron: isInput ? undefined : buildNeuron(neuron, (key) => locate([...at, "neuron", key])),
    };
  });
  const total = populations.reduce((sum, { size }) => sum + size, 0);
  if (total > networkBounds.neurons)
    throw refused(
      `${total} neurons, at most ${networkBounds.neurons} are possible`,
      locate(["populations"]),
      "Pool the input more coarsely.",
    );
  return populations;
}

function buildNeuron(
  {
    tauMs,
    threshold = 1,
    reset = 0,
    rest = 0,
    refractoryUs = 0,
    adapt,
  }: NonNullable<NetworkDocument["populations"][string]["neuron"]> | Record<string, undefined> = {},
  where: (key: string) => string,
): JumpNeuron {
  if (reset >= threshold)
    throw refused(`the reset ${reset} is not below the threshold ${threshold}`, where("reset"), "Lower it.");
  if (rest >= threshold)
    throw refused(
      `the rest ${rest} is not below the threshold ${threshold}`,
      where("rest"),
      "Lower it: a neuron fires only when a spike arrives.",
    );
  if (adapt?.tauMs !== undefined && !(adapt.tauMs >= (tauMs ?? Infinity)))
    throw refused(
      "the threshold falls back faster than the membrane leaks",
      where("adapt"),
      "Make adapt's tauMs at least the neuron's, or leave it out: a neuron fires only when a spike arrives.",
    );
  return {
    model: "jump",
    tauUs: tauMs === undefined ? Infinity : tauMs * 1000,
    threshold,
    reset,
    rest,
    refractoryUs,
    ...(adapt && {
      adapt: { step: adapt.step, tauUs: adapt.tauMs === undefined ? Infinity : adapt.tauMs * 1000 },
    }),
  };
}

function build(draft: Draft<ProjectionDocument>, room: number): Projection {
  const { document } = draft;
  switch (document.pattern) {
    case "dense":
      return buildDense({ ...draft, document }, room);
    case "one-to-one":
    case "pool":
      return buildPool({ ...draft, document }, room);
    case "convolution":
      return buildConvolution({ ...draft, document }, room);
    case "sparse":
      return buildSparse({ ...draft, document }, room);
  }
}

function buildDense(draft: Draft<Of<"dense">>, room: number): Projection {
  const { document, from, to, ends } = draft;
  checkRoom(from.size * to.size, room, draft.where());
  const weightOf = draft.weightOf(document.weights);
  const skipSelf = !document.self && ends.from === ends.to;
  const values = new Float64Array(from.size * to.size);
  for (let source = 0; source < from.size; source++) {
    for (let target = 0; target < to.size; target++) {
      const weight = weightOf(source, target);
      values[source * to.size + target] = skipSelf && source === target ? 0 : weight;
    }
  }
  return {
    ...ends,
    pattern: "dense",
    weights: store(values, draft),
    delayUs: delayOf(draft, document.delayUs),
  };
}

function buildPool(draft: Draft<Of<"pool"> | Of<"one-to-one">>, room: number): Projection {
  const { document, from, to, ends } = draft;
  const a = from.geometry;
  const b = to.geometry;
  const fits =
    document.pattern === "one-to-one"
      ? sameGeometry(a, b)
      : b.width <= a.width && b.height <= a.height && (b.channels === a.channels || b.channels === 1);
  if (!fits)
    throw refused(
      `${document.pattern} from ${describeGeometry(a)} to ${describeGeometry(b)}`,
      draft.where(),
      document.pattern === "one-to-one"
        ? "Make the shapes equal, or use the pattern pool."
        : "The target of a pool is not larger than its source and has its channels, or one.",
    );
  checkRoom(from.size, room, draft.where());
  const weightOf = draft.weightOf(document.weights, a, neurons(1, 1, 1));
  const values = Float64Array.from({ length: from.size }, (_, source) => weightOf(source, 0));
  return {
    ...ends,
    pattern: "pool",
    weights: store(values, draft),
    delayUs: delayOf(draft, document.delayUs),
  };
}

function buildConvolution(draft: Draft<Of<"convolution">>, room: number): Projection {
  const { document, from, to, ends } = draft;
  const [height, width] = document.kernel;
  const expected = neurons(
    to.geometry.channels,
    Math.floor((from.geometry.height + 2 * document.padding[0] - height) / document.stride[0]) + 1,
    Math.floor((from.geometry.width + 2 * document.padding[1] - width) / document.stride[1]) + 1,
  );
  if (document.padding[0] >= height || document.padding[1] >= width)
    throw refused("the padding is not smaller than the kernel", draft.where("padding"), "Lower it.");
  if (!sameGeometry(expected, to.geometry))
    throw refused(
      `the convolution gives ${describeGeometry(expected)}, but "${to.name}" is ${describeGeometry(to.geometry)}`,
      draft.where(),
      `Give "${to.name}" the shape [${expected.channels}, ${expected.height}, ${expected.width}], or change kernel, stride or padding.`,
    );
  const patch = neurons(from.geometry.channels, height, width);
  const outputs = neurons(to.geometry.channels, 1, 1);
  const patchSize = sizeOf(patch);
  checkRoom(patchSize * outputs.channels, room, draft.where());
  const weightOf = draft.weightOf(document.weights, patch, outputs);
  const values = Float64Array.from({ length: patchSize * outputs.channels }, (_, index) =>
    weightOf(index % patchSize, Math.floor(index / patchSize)),
  );
  return {
    ...ends,
    pattern: "convolution",
    weights: store(values, draft),
    kernel: document.kernel,
    stride: document.stride,
    padding: document.padding,
    delayUs: delayOf(draft, document.delayUs),
  };
}

/** Synapses as four columns, in any order. */
interface Synapses {
  sources: number[];
  targets: number[];
  weights: number[];
  delaysUs: number[];
}

function buildSparse(draft: Draft<Of<"sparse">>, room: number): Projection {
  const { document } = draft;
  if ((document.synapses === undefined) === (document.probability === undefined))
    throw refused("sparse needs either `synapses` or `probability`", draft.where(), "Give one of the two.");
  const synapses = document.synapses ? listedSynapses(draft, document.synapses) : randomSynapses(draft, room);
  checkRoom(synapses.sources.length, room, draft.where());
  return sortSynapses(synapses, draft);
}

function listedSynapses(draft: Draft<Of<"sparse">>, list: NonNullable<Of<"sparse">["synapses"]>): Synapses {
  const { document, from, to } = draft;
  if (document.weights !== undefined)
    throw refused(
      "`weights` beside `synapses`",
      draft.where("weights"),
      "Each listed synapse has its own weight.",
    );
  if (typeof document.delayUs === "object")
    throw refused(
      "a range of delays beside `synapses`",
      draft.where("delayUs"),
      "Give each synapse its delay.",
    );
  const uniformUs = document.delayUs;
  const columns: Synapses = { sources: [], targets: [], weights: [], delaysUs: [] };
  for (const [index, [source, target, weight, delayUs]] of list.entries()) {
    if (source >= from.size || target >= to.size)
      throw refused(
        `synapse ${index} joins neuron ${source} of ${from.size} to neuron ${target} of ${to.size}`,
        draft.where("synapses"),
        "Neurons count from 0.",
      );
    columns.sources.push(source);
    columns.targets.push(target);
    columns.weights.push(weight);
    columns.delaysUs.push(delayOf(draft, delayUs ?? uniformUs));
  }
  return columns;
}

function randomSynapses(draft: Draft<Of<"sparse">>, room: number): Synapses {
  const { document, from, to } = draft;
  const probability = document.probability!;
  checkRoom(Math.floor(from.size * to.size * probability), room, draft.where());
  const weightOf = draft.weightOf(document.weights ?? 1);
  const random = seededRandom(seedFor(draft.seed, "synapses"));
  const range = document.delayUs;
  if (typeof range === "object" && range.maxUs < range.minUs)
    throw refused("maxUs is below minUs", draft.where("delayUs"), "Exchange them.");
  const delay = () =>
    typeof range === "object"
      ? range.minUs +
        Math.floor(random() * (Math.floor((range.maxUs - range.minUs) / range.stepUs) + 1)) * range.stepUs
      : range;
  const columns: Synapses = { sources: [], targets: [], weights: [], delaysUs: [] };
  if (probability === 0) return columns;
  // The gap to the next synapse is drawn instead of one number a pair (geometric distribution).
  const logMiss = Math.log(1 - probability);
  const gap = () => (probability === 1 ? 0 : Math.floor(Math.log(1 - random()) / logMiss));
  for (let place = gap(); place < from.size * to.size; place += 1 + gap()) {
    const source = Math.floor(place / to.size);
    columns.sources.push(source);
    columns.targets.push(place - source * to.size);
    columns.weights.push(weightOf(source, place - source * to.size));
    columns.delaysUs.push(delayOf(draft, delay()));
  }
  return columns;
}

function sortSynapses(
  { sources, targets, weights, delaysUs }: Synapses,
  draft: Draft<Of<"sparse">>,
): SparseProjection {
  const distinct = new Set(delaysUs).size;
  if (distinct > networkBounds.delays || distinct * draft.from.size > networkBounds.delayRows)
    throw refused(
      `${distinct} distinct delays from ${draft.from.size} neurons`,
      draft.where("delayUs"),
      `At most ${networkBounds.delays} are possible, and ${networkBounds.delayRows} times neurons: round them (stepUs).`,
    );
  const order = sources.map((_, index) => index);
  // The place in the list decides last, so that the order of sums is the document's.
  order.sort(
    (a, b) => sources[a]! - sources[b]! || delaysUs[a]! - delaysUs[b]! || targets[a]! - targets[b]! || a - b,
  );
  const rowStarts = new Uint32Array(draft.from.size + 1);
  for (const source of sources) rowStarts[source + 1]! += 1;
  for (let row = 0; row < draft.from.size; row++) rowStarts[row + 1]! += rowStarts[row]!;
  return {
    ...draft.ends,
    pattern: "sparse",
    rowStarts,
    targets: Uint32Array.from(order, (index) => targets[index]!),
    delaysUs: Uint32Array.from(order, (index) => delaysUs[index]!),
    weights: store(
      Float64Array.from(order, (index) => weights[index]!),
      draft,
    ),
  };
}

function delayOf(draft: Draft<ProjectionDocument>, delayUs: number | undefined): number {
  const delay = delayUs ?? (draft.recurrent ? 1 : 0);
  if (delay === 0 && draft.recurrent)
    throw refused(
      `a delay of 0 from "${draft.from.name}" back to "${draft.to.name}"`,
      draft.where("delayUs"),
      "A recurrent projection takes at least 1 us.",
    );
  return delay;
}

function store(values: Float64Array, draft: Draft<ProjectionDocument>): Weights {
  let largest = 0;
  for (const value of values) {
    if (!Number.isFinite(value))
      throw refused(`a weight is ${value}`, draft.where("weights"), "Weights are finite numbers.");
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest > 1e30)
    throw refused(`a weight of ${largest}`, draft.where("weights"), "Weights are at most 1e30.");
  if (draft.document.bits !== 8) return { values, scale: 1 };
  const scale = largest === 0 ? 1 : largest / 127;
  return { values: Int8Array.from(values, (value) => Math.round(value / scale)), scale };
}

function checkRoom(count: number, room: number, where: string): void {
  if (count > room)
    throw refused(
      `${count} weights, room is left for ${room} of ${networkBounds.weights}`,
      where,
      "Use a pool, a convolution or a smaller grid.",
    );
}
