/** `reflexarc net`: what a network file holds, the same network in another format, and a run of it over an array. */

import { readFileSync, writeFileSync } from "node:fs";
import { readTextFile } from "../../drivers/files.ts";
import { readHdf5File, writeHdf5 } from "../../drivers/hdf5.ts";
import {
  createExact,
  createNoise,
  createStepped,
  type SteppedEngine,
  type StepRules,
} from "../core/index.ts";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, neurons } from "../events/geometry.ts";
import {
  buildNetwork,
  isTennlab,
  modelOf,
  type Network,
  type Neuron,
  type NumberArray,
  networkFromTennlab,
  networkFromTree,
  nirFromNetwork,
  parseNetwork,
  readNpy,
  tennlabFromNetwork,
  withBias,
  writeNpz,
} from "../network/index.ts";
import { seedFor } from "../random.ts";

/** Numbers that a run may record in all. */
const recordedMax = 1 << 27;

export interface OpenNetwork {
  readonly network: Network;
  readonly format: "nir" | "netx" | "tennlab" | "document";
}

/** Opens a network of any format, told by its content; a document's random weights have a seed. Throws a ReflexarcError. */
export function openNetwork(path: string, seed = 1): OpenNetwork {
  const bytes = readBytes(path);
  if (isHdf5(bytes) || /\.(nir|net|h5|hdf5)$/i.test(path)) {
    const tree = readHdf5File(path);
    return { network: networkFromTree(tree, path), format: tree.has("layer") ? "netx" : "nir" };
  }
  const text = readTextFile(path, "network");
  if (isTennlab(text)) return { network: networkFromTennlab(text, path), format: "tennlab" };
  const placed = parseNetwork(text, path);
  const { input, populations } = placed.document;
  const shape = populations[input]?.shape;
  if (!shape)
    throw usage(
      `the input "${input}" has no shape`,
      path,
      "Give it one: outside of a pipeline nothing tells what comes in.",
    );
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const network = buildNetwork(placed, {
    geometry: neurons(...shape),
    seed,
    readText: (given) => readTextFile(given.startsWith("/") ? given : folder + given, "network"),
  });
  return { network, format: "document" };
}

/** The signature stands at the start, or at 512, 1024, ... where a user block comes first. */
function isHdf5(bytes: Uint8Array): boolean {
  const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
  for (let at = 0; at + 8 <= bytes.length; at = at === 0 ? 512 : at * 2)
    if (signature.every((byte, k) => bytes[at + k] === byte)) return true;
  return false;
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ReflexarcError(
      {
        kind: "input",
        room: "net",
        what: `the file can't be read: ${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message}`,
        where: path,
        remedy: "Check the path.",
      },
      { cause },
    );
  }
}

export function usage(what: string, where: string | undefined, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "net", what, ...(where && { where }), remedy });
}

/** Prints populations, projections and what the file leaves open. */
export function netInfo(path: string, { json }: { json?: boolean }): void {
  const opened = openNetwork(path);
  const told = describeNetwork(path, opened);
  if (json) {
    process.stdout.write(JSON.stringify(told, null, 2) + "\n");
    return;
  }
  const lines = [
    `${told.file}: ${told.format}, ${told.neurons} neurons, ${told.weights} stored weights`,
    `  in "${told.input}", out "${told.output}"`,
    ...told.populations.map(
      ({ name, shape, model, parameters }) =>
        `  ${name}: ${shape}, ${model}${Object.entries(parameters)
          .map(([key, range]) => `, ${key} ${range}`)
          .join("")}`,
    ),
    ...told.projections.map(
      ({ from, to, pattern, weights, delay, bias, recurrent, learns, name }) =>
        `  ${from} -> ${to}: ${pattern}${name ? ` "${name}"` : ""}, ${weights} weights${bias ? ", bias" : ""}` +
        `${delay === "0" ? "" : `, delay ${delay} us`}${recurrent ? ", recurrent" : ""}${learns ? ", learns" : ""}`,
    ),
    ...told.missing.map((what) => `  ! not in the file: ${what}`),
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

function describeNetwork(file: string, { network, format }: OpenNetwork) {
  const { populations, projections } = network;
  const nameOf = (index: number) => populations[index]!.name;
  return {
    file,
    format,
    neurons: populations.reduce((sum, { size }) => sum + size, 0),
    weights: projections.reduce((sum, { weights }) => sum + weights.values.length, 0),
    input: nameOf(network.input),
    output: nameOf(network.output),
    stepUs: network.stepUs ?? null,
    populations: populations.map(({ name, geometry, size, neuron }) => ({
      name,
      size,
      shape: describeGeometry(geometry),
      model: neuron?.model ?? "input",
      parameters: rangesOf(neuron),
    })),
    projections: projections.map((projection) => ({
      from: nameOf(projection.from),
      to: nameOf(projection.to),
      pattern: projection.pattern,
      ...(projection.name !== undefined && { name: projection.name }),
      weights: projection.weights.values.length,
      bias: projection.bias !== undefined,
      recurrent: projection.from >= projection.to,
      learns: projection.plasticity !== undefined,
      delay: projection.pattern === "sparse" ? rangeOf(projection.delaysUs) : `${projection.delayUs}`,
    })),
    missing: missingOf(network),
  };
}

function rangesOf(neuron: Neuron | undefined): Record<string, string> {
  if (!neuron) return {};
  if (neuron.model !== "jump")
    return Object.fromEntries(
      Object.entries(neuron.parameters).map(([name, values]) => [name, rangeOf(values)]),
    );
  const { model: _, adapt, ...parameters } = neuron;
  const all = { ...parameters, ...(adapt && { adaptStep: adapt.step, adaptTauUs: adapt.tauUs }) };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, `${value}`]));
}

function rangeOf(values: ArrayLike<number>): string {
  let least = Infinity;
  let most = -Infinity;
  for (let k = 0; k < values.length; k++) {
    least = Math.min(least, values[k]!);
    most = Math.max(most, values[k]!);
  }
  const short = (value: number) => `${Number(value.toPrecision(6))}`;
  return values.length === 0 ? "none" : least === most ? short(least) : `${short(least)} to ${short(most)}`;
}

/** What has to be known to run a network and isn't told by its file. */
function missingOf(network: Network): string[] {
  const models = network.populations.flatMap(({ neuron }) => (neuron ? [neuron.model] : []));
  const missing: string[] = [];
  if (needsStep(network)) missing.push("the length of a step (--dt)");
  if (models.some((model) => model !== "jump" && modelOf(model).nir && modelOf(model).spikes))
    missing.push(
      "whether a spike resets or subtracts (--reset), and whether reaching the threshold is enough (--threshold)",
    );
  return missing;
}

/** Whether a network has time constants of its own and no step that it was made for. */
function needsStep({ populations, stepUs }: Network): boolean {
  return (
    stepUs === undefined &&
    populations.some(({ neuron }) =>
      neuron?.model === "jump"
        ? neuron.tauUs < Infinity
        : neuron && Object.keys(neuron.parameters).some((name) => /^tau/.test(name)),
    )
  );
}

/** Writes a network in the format that the name of `out` asks for. */
export async function netConvert(file: string, out: string): Promise<void> {
  const { network } = openNetwork(file);
  if (/\.nir$/i.test(out)) writeFileSync(out, await writeHdf5(nirFromNetwork(network, file)));
  else if (/\.json$/i.test(out)) writeFileSync(out, tennlabFromNetwork(network, file));
  else
    throw usage(`no format is known for "${out}"`, undefined, "Write .nir, or .json for TENNLab's networks.");
}

export interface NetRunOptions {
  readonly engine: "stepped" | "async";
  readonly dt?: string;
  readonly reset: "zero" | "subtract";
  readonly threshold: "strict" | "reached";
  readonly spikes: "one" | "many";
  readonly minPotential?: string;
  readonly precision: "float32" | "float64";
  readonly input?: string;
  readonly bias?: string;
  readonly steps?: string;
  readonly noise?: string;
  readonly seeds?: string;
  readonly record: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Runs a network over an array of input and writes what was recorded. */
export function netRun(file: string, options: NetRunOptions): void {
  const seeds = seedsOf(options.seeds);
  const bias = options.bias === undefined ? undefined : readArray(options.bias);
  const open = (seed: number) => {
    const { network } = openNetwork(file, seed);
    return bias ? withBias(network, bias, options.bias!) : network;
  };
  const network = open(seeds[0]!);
  const dtUs = stepOf(network, options.dt);
  const size = network.populations[network.input]!.size;
  const input = options.input
    ? samplesOf(readArray(options.input), size, options.input)
    : { samples: 1, steps: 0, sampled: false, values: new Float64Array(0) };
  const steps = options.steps === undefined ? input.steps : wholeOf(options.steps, "--steps");
  if (steps < 1) throw usage("there is nothing to run", undefined, "Give --input, or --steps.");
  const rules: StepRules = {
    dtUs,
    reset: options.reset,
    threshold: options.threshold === "strict" ? "above" : "reached",
    spikes: options.spikes,
    precision: options.precision,
    potentialMin:
      options.minPotential === undefined ? -Infinity : numberOf(options.minPotential, "--min-potential"),
  };
  const variables = variablesOf(options.record);
  const deviation = options.noise === undefined ? 0 : numberOf(options.noise, "--noise");
  if (deviation < 0 || (deviation > 0 && options.engine === "async"))
    throw usage(
      `noise of ${deviation} on the ${options.engine} engine`,
      undefined,
      "Noise is 0 or more, and it needs steps.",
    );
  const lead = [...(options.seeds ? [seeds.length] : []), ...(input.sampled ? [input.samples] : [])];
  const recorder = new Recorder(network, variables, lead, steps);
  const row = new Float64Array(size);
  let run = 0;
  for (const seed of seeds) {
    const seeded = run === 0 ? network : open(seed);
    const noise = createNoise(seed, deviation);
    const engine: SteppedEngine =
      options.engine === "stepped" ? createStepped(seeded, { ...rules, noise }) : createExact(seeded, rules);
    recorder.listenTo(engine);
    const start = engine.save();
    for (let sample = 0; sample < input.samples; sample++, run++) {
      engine.restore(start);
      noise.reseed(seedFor(seed, `sample ${sample}`));
      for (let step = 0; step < steps; step++) {
        const at = (sample * input.steps + step) * size;
        if (step < input.steps) row.set(input.values.subarray(at, at + size));
        else row.fill(0);
        engine.step(row);
        recorder.take(run, step);
      }
      recorder.ended();
    }
  }
  if (options.out) writeFileSync(options.out, writeNpz(recorder.arrays));
  report(file, options, network, recorder, { dtUs, steps, samples: input.samples, seeds });
}

/** How many seeds, from 1 on, or which ones. */
function seedsOf(text: string | undefined): number[] {
  if (text === undefined) return [1];
  const seeds = text.split(",").map((word) => wholeOf(word, "--seeds"));
  if (seeds.length > 1) return seeds;
  if (seeds[0]! > 4096) throw usage(`--seeds is "${text}"`, undefined, "At most 4096 seeds go at once.");
  return Array.from({ length: seeds[0]! }, (_, k) => k + 1);
}

function report(
  file: string,
  options: NetRunOptions,
  network: Network,
  recorder: Recorder,
  { dtUs, steps, samples, seeds }: { dtUs: number; steps: number; samples: number; seeds: number[] },
): void {
  const told = {
    file,
    engine: options.engine,
    reset: options.reset,
    threshold: options.threshold,
    dtUs,
    samples,
    seeds,
    steps,
    ledger: recorder.ledger,
    spikes: Object.fromEntries(network.populations.map(({ name }, p) => [name, recorder.totals[p]!])),
    output: recorder.outputs,
    ...(options.out && { out: options.out, arrays: [...recorder.arrays.keys()] }),
  };
  if (options.json) {
    process.stdout.write(JSON.stringify(told, null, 2) + "\n");
    return;
  }
  const list = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6))).join(" ");
  const lines = [
    `${file}: ${options.engine}, ${seeds.length > 1 ? `${seeds.length} seeds, ` : ""}${samples > 1 ? `${samples} samples of ` : ""}${steps} steps of ${dtUs} us, reset ${options.reset}`,
    ...Object.entries(told.spikes).map(([name, count]) => `  ${name}: ${Number(count.toPrecision(9))} given`),
    ...(network.populations[network.output]!.size <= 64
      ? recorder.outputs.map(
          (counts, k) => `  output${recorder.outputs.length > 1 ? ` ${k}` : ""}: ${list(counts)}`,
        )
      : []),
    `  ${recorder.ledger.synapticOperations} synaptic operations, ${recorder.ledger.neuronUpdates} neuron updates`,
    ...(options.out ? [`  ${[...recorder.arrays.keys()].join(", ")} in ${options.out}`] : []),
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

/** Collects what populations gave and held, step by step. */
class Recorder {
  readonly arrays = new Map<string, NumberArray>();
  /** Sum of what each population gave. */
  readonly totals: number[];
  /** What each output neuron gave in each run: seed by seed, and sample by sample. */
  readonly outputs: number[][] = [];
  readonly ledger: Record<string, number> = {};
  private engine: SteppedEngine | undefined;
  private readonly output: number;
  private readonly steps: number;
  private readonly spikes: (Float64Array | undefined)[];
  private states: (readonly [values: Float64Array, into: Float64Array])[] = [];
  private readonly network: Network;
  private readonly variables: readonly string[];
  private readonly room: (name: string, size: number) => Float64Array;

  /** `lead` are the axes before steps x neurons: seeds, samples. */
  constructor(network: Network, variables: readonly string[], lead: readonly number[], steps: number) {
    this.network = network;
    this.variables = variables;
    this.output = network.output;
    this.steps = steps;
    this.totals = network.populations.map(() => 0);
    const runs = lead.reduce((product, length) => product * length, 1);
    let recorded = 0;
    this.room = (name, size) => {
      const made = this.arrays.get(name);
      if (made) return made.values;
      recorded += runs * steps * size;
      if (recorded > recordedMax)
        throw usage(
          `more than ${recordedMax} numbers would be recorded`,
          undefined,
          "Record fewer variables, or run fewer steps or samples.",
        );
      const values = new Float64Array(runs * steps * size);
      this.arrays.set(name, { shape: [...lead, steps, size], values });
      return values;
    };
    this.spikes = network.populations.map(({ name, size }) =>
      variables.includes("spikes") ? this.room(`${name}.spikes`, size) : undefined,
    );
  }

  /** From now on the network is this engine's. */
  listenTo(engine: SteppedEngine): void {
    this.engine = engine;
    this.states = engine.cells.flatMap(({ state }, p) =>
      this.variables.flatMap((variable) => {
        const { name, size } = this.network.populations[p]!;
        const values = state[variable];
        return values ? [[values, this.room(`${name}.${variable}`, size)] as const] : [];
      }),
    );
  }

  take(run: number, step: number): void {
    const row = run * this.steps + step;
    const { cells } = this.engine!;
    this.outputs[run] ??= Array.from(cells[this.output]!.charge, () => 0);
    for (const [p, { ids, values, count, charge }] of cells.entries()) {
      for (let k = 0; k < count; k++) {
        this.totals[p]! += values[k]!;
        if (p === this.output) this.outputs[run]![ids[k]!]! += values[k]!;
        const spikes = this.spikes[p];
        if (spikes) spikes[row * charge.length + ids[k]!] = values[k]!;
      }
    }
    for (const [values, into] of this.states) into.set(values, row * values.length);
  }

  /** Adds the ledger of a run; the engine then starts anew. */
  ended(): void {
    for (const [name, count] of Object.entries(this.engine!.ledger))
      this.ledger[name] = (this.ledger[name] ?? 0) + count;
  }
}

function stepOf(network: Network, given: string | undefined): number {
  if (given !== undefined) {
    const dtUs = numberOf(given, "--dt") * 1e6;
    if (!(dtUs > 0)) throw usage(`a step of ${given} s`, undefined, "Steps are longer than 0.");
    // 1e-4 s is 100 us, whatever the last bit of the product says.
    return Math.abs(dtUs - Math.round(dtUs)) < 1e-6 ? Math.round(dtUs) : dtUs;
  }
  if (needsStep(network))
    throw usage(
      "the file doesn't tell the length of a step, and its neurons have time constants",
      undefined,
      "Say it with --dt, in seconds: 1e-4 for the networks of the NIR paper.",
    );
  return network.stepUs ?? 1000;
}

function variablesOf(record: string): string[] {
  const variables = record.split(",").map((word) => word.trim());
  const wrong = variables.find((word) => !["spikes", "v", "i", "a"].includes(word));
  if (wrong !== undefined)
    throw usage(`"${wrong}" can't be recorded`, undefined, "Record spikes, v, i or a.");
  return variables;
}

export function numberOf(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw usage(`${option} is "${text}"`, undefined, "Give a number.");
  return value;
}

export function wholeOf(text: string, option: string): number {
  const value = numberOf(text, option);
  if (!Number.isInteger(value) || value < 1 || value > 1e9)
    throw usage(`${option} is "${text}"`, undefined, "Give a whole number from 1.");
  return value;
}

/** An array of numbers from a .npy or a .csv file. */
export function readArray(path: string): NumberArray {
  const bytes = readBytes(path);
  const array = /\.csv$|\.txt$/i.test(path)
    ? readCsv(new TextDecoder().decode(bytes), path)
    : readNpy(bytes, path);
  const wrong = array.values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new ReflexarcError({
      kind: "input",
      room: "net",
      what: `number ${wrong} is ${array.values[wrong]}`,
      where: path,
      remedy: "Input and biases are finite numbers.",
    });
  return array;
}

function readCsv(text: string, path: string): NumberArray {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const rows = lines.map((line) =>
    line.split(/[,;\t]/).map((word) => (word.trim() === "" ? NaN : Number(word))),
  );
  // A first line of names.
  if (rows.length > 0 && rows[0]!.every(Number.isNaN)) rows.shift();
  const width = rows[0]?.length ?? 0;
  const wrong = rows.findIndex((row) => row.length !== width || row.some(Number.isNaN));
  if (wrong >= 0)
    throw new ReflexarcError({
      kind: "input",
      room: "net",
      what: `row ${wrong + 1} is not ${width} numbers`,
      where: path,
      remedy: "Give a line a step and a number an input, apart by commas.",
    });
  return { shape: [rows.length, width], values: Float64Array.from(rows.flat()) };
}

/** Steps x inputs, or samples x steps x inputs; the inputs may have several axes. */
export function samplesOf({ shape, values }: NumberArray, size: number, path: string) {
  const product = (part: readonly number[]) => part.reduce((all, length) => all * length, 1);
  if (shape.length >= 1 && product(shape.slice(1)) === size)
    return { samples: 1, steps: shape[0]!, sampled: false, values };
  if (shape.length >= 2 && product(shape.slice(2)) === size)
    return { samples: shape[0]!, steps: shape[1]!, sampled: true, values };
  throw new ReflexarcError({
    kind: "input",
    room: "net",
    what: `the shape is ${shape.join(" x ")}, but the network has ${size} inputs`,
    where: path,
    remedy: `Give steps x ${size}, or samples x steps x ${size}.`,
  });
}
