/** The stage `core`: a spiking network between encoders and readouts. */

import { z } from "zod";
import { chips, openChip } from "../chips/index.ts";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type NeuronGeometry, sizeOf } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { type Account, mapNetwork, openAccount, quantise } from "../mapping/index.ts";
import {
  buildNetwork,
  checkNetwork,
  type DataTree,
  explainIssue,
  frozen,
  isTennlab,
  type Learned,
  modelOf,
  type Network,
  networkDocument,
  networkFromTennlab,
  networkFromTree,
  parseNetwork,
  readLearned,
  withLearned,
  writeLearned,
} from "../network/index.ts";
import { defineStage, type StageContext } from "../stage.ts";
import { createEngine, engineBounds } from "./engine.ts";
import { createFloat32Engine } from "./engine-float32.ts";
import { createExact } from "./exact.ts";
import { type Ledger, ledgerCounts, ledgerLost, type SpikeListener } from "./ledger.ts";
import { createNoise } from "./noise.ts";
import { toRest } from "./rest.ts";
import type { EngineState } from "./state.ts";
import { onPackets } from "./step-clock.ts";
import { createStepped, synapsesOf } from "./stepped.ts";

const options = z.strictObject({
  network: z
    .union([z.string().min(1), networkDocument], { error: (issue) => issueText(issue) })
    .describe(
      "The network: a file, relative to this document (a network document, .nir, .net, or TENNLab's), or the network itself.",
    ),
  engine: z
    .enum(["async", "stepped"])
    .default("async")
    .describe("Event by event and without a tick, or every neuron once a step."),
  precision: z
    .enum(["float64", "float32"])
    .default("float64")
    .describe(
      "What the engine async sums charges in, in a network document; float32 is several times faster, and now and then rounds a spike away or in.",
    ),
  dtUs: z
    .int()
    .min(1)
    .max(60_000_000)
    .optional()
    .describe("Length of a step in microseconds; by default what the network's file tells, or 1000."),
  phaseUs: z
    .int()
    .min(0)
    .default(0)
    .describe(
      "How long after a multiple of dtUs a step ends; with 1, what comes in on the grid is worked on at once.",
    ),
  reset: z
    .enum(["zero", "subtract"])
    .default("zero")
    .describe("After a spike of a trained network: back to its reset, or down by the threshold."),
  threshold: z
    .enum(["strict", "reached"])
    .default("strict")
    .describe("A spike of a trained network needs a potential above the threshold, or at it."),
  spikes: z
    .enum(["one", "many"])
    .default("one")
    .describe("Most spikes of a neuron in one step of the stepped engine."),
  noise: z
    .number()
    .min(0)
    .default(0)
    .describe("Standard deviation of the noise that each neuron gets in each step of the stepped engine."),
  potentialMin: z
    .number()
    .optional()
    .describe(
      "Stepped engine: no potential goes below this, so that what spoke against a neuron is soon forgotten.",
    ),
  spikesPerMsMax: z
    .int()
    .min(1)
    .default(engineBounds.spikesPerMsMax)
    .describe("Most spikes of the network in a millisecond; those above are lost."),
  learned: z
    .string()
    .min(1)
    .optional()
    .describe(
      "What the network learnt before: a file that `expose` or `run --learned` wrote; it begins with that.",
    ),
  plasticity: z
    .enum(["on", "off"])
    .default("on")
    .describe("Whether the network learns on, where its document says how, or stays as it is."),
  thread: z
    .enum(["auto", "own", "shared"])
    .default("auto")
    .describe(
      "A thread of its own keeps the rest of the run from waiting; the spikes are the same. auto: for a network of more than 2 million synapses in a run that keeps pace with the clock.",
    ),
  chip: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Accounts for a chip: a bundled one by its name, or a chip document (.yaml) relative to this one. A network that doesn't fit is refused.",
    ),
  weights: z
    .enum(["own", "chip"])
    .default("own")
    .describe("The network's weights as they are, or rounded to what the chip holds."),
});
type Options = z.output<typeof options>;
export type CoreOptions = Options;

/** In a run at the pace of the clock: above this a packet may well take longer than others should wait for it. */
const synapsesShared = 2_000_000;

/** An engine at work on packets. */
interface Running {
  readonly ledger: Readonly<Ledger>;
  run(input: Packet, output: Packet): void;
  save(): EngineState;
  /** Goes back to a state that was saved before the first packet; the next packet may come at any time. */
  rest(fresh: EngineState): void;
  /** Of the engine that learns. */
  learned?(atUs: number): Learned;
}

/**
 * Runs input spikes through a spiking network, event by event or in steps. While a gate before it sleeps, it does nothing at
 * all, and after that begins at rest, with the events that the gate had held back. What the network makes of those leaves
 * when the gate woke: before that, nobody could have heard it.
 */
export default defineStage({
  name: "core",
  about: "Runs spikes through a spiking network, event by event and without a tick, or in steps.",
  takes: "spikes",
  gives: "spikes",
  takesHeldBack: true,
  options,
  create(chosen, context) {
    const { network, account } = onChip(networkOf(chosen, context), chosen, context);
    const engine = start(network, chosen, context, account?.heard);
    const { geometry } = network.populations[network.output]!;
    const out = new Packet(geometry);
    const early = new Packet(context.geometry as NeuronGeometry, 0);
    let atUs = 0;
    let fresh: EngineState | undefined;
    let slept = false;
    let withheld = 0;

    function sleep({ fromUs, toUs }: Packet): void {
      out.begin(fromUs, toUs);
      out.asleep = true;
      // Another engine's, so that networks that never sleep needn't keep a second state.
      fresh ??= start(network, chosen, context).save();
      slept = true;
      account?.sleep(fromUs, toUs);
    }

    function run(packet: Packet): void {
      const { fromUs, toUs, count, times, addresses } = packet;
      if (slept) engine.rest(fresh!);
      slept = false;
      account?.advance(fromUs, toUs);
      if (count === 0 || times[0]! >= fromUs) {
        engine.run(packet, out);
        return;
      }
      // The same columns, with a span that holds all of them.
      early.begin(times[0]!, toUs);
      Object.assign(early, { count, times, addresses });
      engine.run(early, out);
      out.fromUs = fromUs;
      for (let k = 0; k < out.count && out.times[k]! < fromUs; k++) out.times[k] = fromUs;
    }

    const thread = threadOf(chosen, network);
    return {
      geometry,
      ...(thread && { thread }),
      step(packet) {
        if (packet.asleep) sleep(packet);
        else run(packet);
        withheld += packet.withheld;
        account?.withheld(packet.withheld);
        atUs = packet.toUs;
        account?.learned(engine.ledger.weightUpdates);
        return out;
      },
      learned: () => {
        const learned = engine.learned?.(atUs);
        return learned && learned.projections.length > 0 ? writeLearned(learned) : undefined;
      },
      counts: () => ({
        ...ledgerCounts(engine.ledger),
        ...(withheld > 0 && { "spikes withheld": withheld }),
      }),
      lost: () => ledgerLost(engine.ledger),
      ledger: () => account && { ...account.read() },
    };
  },
});

function threadOf({ thread }: Options, network: Network): "own" | "paced" | undefined {
  if (thread !== "auto") return thread === "own" ? "own" : undefined;
  const synapses = network.projections.reduce((sum, one) => sum + synapsesOf(one, network), 0);
  return synapses > synapsesShared ? "paced" : undefined;
}

/** What is wrong within an inline network: the options' own check would only say that it is. */
function issueText(issue: z.core.$ZodRawIssue): string {
  const { path, what, remedy } = explainIssue({ ...issue, path: [] }, issue.input);
  return `${path.length > 0 ? `${path.join(".")}: ` : ""}${what}${remedy ? `. ${remedy}` : ""}`;
}

/** The network as the chip would hold it, and the account of what it does there. */
function onChip(
  given: Network,
  { chip: name, weights, dtUs }: Options,
  { id, readText }: StageContext,
): { network: Network; account: Account | undefined } {
  if (name === undefined) {
    if (weights === "own") return { network: given, account: undefined };
    throw refused(
      { id },
      "it shall have the weights of a chip, but names none",
      "Add chip: loihi2, for example.",
    );
  }
  const chip = openChip(name, readText);
  const stepUs = dtUs ?? given.stepUs;
  const layout = mapNetwork(given, chip, {
    name: `stage "${id}"`,
    ...(stepUs !== undefined && { stepUs }),
    others: chips,
  });
  const network = weights === "chip" ? quantise(given, chip).network : given;
  return { network, account: openAccount(layout) };
}

function start(network: Network, chosen: Options, context: StageContext, listen?: SpikeListener): Running {
  const { engine, dtUs = network.stepUs ?? 1000, reset, spikes, spikesPerMsMax, noise } = chosen;
  if (noise > 0 && engine === "async")
    throw refused(context, "noise needs steps, and this engine has none", "Say engine: stepped.");
  const documented = network.populations.every(({ neuron }) => !neuron || neuron.model === "jump");
  if (engine === "async" && documented) {
    const create = chosen.precision === "float32" ? createFloat32Engine : createEngine;
    return resting(create(network, { ...engineBounds, spikesPerMsMax }, listen));
  }
  const threshold = chosen.threshold === "strict" ? "above" : "reached";
  if (engine === "async")
    return resting(createExact(network, { dtUs, reset, threshold, spikesPerMsMax }, listen));
  const { potentialMin = -Infinity } = chosen;
  const stepped = createStepped(network, {
    ...{ dtUs, reset, threshold, spikes, potentialMin },
    ...(noise > 0 && { noise: createNoise(context.seed, noise) }),
  });
  const { input, output } = network;
  const { run, restart } = onPackets(stepped, { input, output, dtUs, phaseUs: chosen.phaseUs }, listen);
  return {
    ledger: stepped.ledger,
    run,
    save: () => stepped.save(),
    rest(fresh) {
      toRest(stepped, fresh);
      restart();
    },
  };
}

/** An engine that works on packets by itself. */
function resting<E extends Omit<Running, "rest"> & Parameters<typeof toRest>[0]>(engine: E): Running {
  return {
    ledger: engine.ledger,
    run: (input, output) => engine.run(input, output),
    save: () => engine.save(),
    rest: (fresh) => toRest(engine, fresh),
    learned: (atUs) => engine.learned?.(atUs) ?? { projections: [], populations: [] },
  };
}

/** The network of a stage: with what it learnt before, and as it stays where it isn't to learn. Throws a ReflexarcError. */
export function networkOf(
  { network: source, learned, plasticity, dtUs }: Options,
  context: StageContext,
): Network {
  const fresh = open(source, context, dtUs);
  const network = learned
    ? withLearned(fresh, readLearned(context.readText(learned), learned), learned)
    : fresh;
  checkEnds(network, context);
  return plasticity === "on" ? network : frozen(network);
}

function open(source: Options["network"], context: StageContext, dtUs: number | undefined): Network {
  const build = (placed: ReturnType<typeof checkNetwork>, readText: StageContext["readText"]) =>
    buildNetwork(placed, { geometry: neuronsOf(context), seed: context.seed, readText });
  if (typeof source !== "string")
    return build(
      checkNetwork(source, (path) => `stage "${context.id}", ${["network", ...path].join(".")}`),
      context.readText,
    );
  if (/\.(nir|net|h5|hdf5)$/i.test(source)) {
    if (!context.readTree)
      throw refused(context, `"${source}" is HDF5, which can't be read here`, "Use the command line.");
    return networkFromTree(context.readTree(source) as DataTree, source);
  }
  const text = context.readText(source);
  if (isTennlab(text)) return networkFromTennlab(text, source, {}, dtUs);
  return build(parseNetwork(text, source), (path) => context.readText(besideOf(source, path)));
}

/** Documents check their input as they are built; files of others are checked here. */
function checkEnds(network: Network, context: StageContext): void {
  const { size } = network.populations[network.input]!;
  const incoming = neuronsOf(context);
  if (size !== sizeOf(incoming))
    throw refused(
      context,
      `the network takes ${size} neurons, but ${describeGeometry(incoming)} come in`,
      "Make the encoder's shape the network's.",
    );
  const { name, neuron } = network.populations[network.output]!;
  if (neuron && neuron.model !== "jump" && neuron.model !== "relay" && !modelOf(neuron.model).spikes)
    throw refused(
      context,
      `the output "${name}" is a ${neuron.model}, which gives no spikes`,
      "A pipeline needs a network whose output fires.",
    );
}

function refused({ id }: Pick<StageContext, "id">, what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "core", what, where: `stage "${id}"`, remedy });
}

function neuronsOf(context: StageContext): NeuronGeometry {
  const { geometry } = context;
  if (geometry.kind === "neurons") return geometry;
  throw refused(
    context,
    `${describeGeometry(geometry)} come in, but a network takes spikes`,
    "Put an encoder before it, for example polarity-grid.",
  );
}

/** A path that a network's file names, relative to that file. */
function besideOf(file: string, path: string): string {
  return path.startsWith("/") ? path : file.slice(0, file.lastIndexOf("/") + 1) + path;
}
