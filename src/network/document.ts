/** The document that describes a network: its schema, and how YAML text becomes one. */

import { z } from "zod";
import { nearestName, ReflexarcError } from "../errors.ts";
import { type Path, readYaml } from "../yaml.ts";
import { networkBounds } from "./network.ts";
import { plasticityDocument } from "./plasticity.ts";

const finite = z.number();
const size = z.int().min(1).max(65_536);
const cells = z.number().positive().max(65_536);
const delayUs = z.int().min(0).max(networkBounds.delayUs);

const neuron = z
  .strictObject({
    tauMs: z
      .number()
      .min(0.001)
      .max(1e9)
      .optional()
      .describe("Membrane time constant in ms; without it nothing leaks (integrate-and-fire)."),
    threshold: finite.default(1).describe("The neuron fires when its potential reaches this."),
    reset: finite.default(0).describe("Potential after a spike."),
    rest: finite.default(0).describe("Potential to which the membrane decays."),
    refractoryUs: z
      .int()
      .min(0)
      .max(networkBounds.delayUs)
      .default(0)
      .describe("How long after a spike input is ignored, in microseconds."),
    adapt: z
      .strictObject({
        step: z.number().min(0).max(1e9).describe("What a spike adds to the threshold of its neuron."),
        tauMs: z
          .number()
          .min(0.001)
          .max(1e12)
          .optional()
          .describe("How slowly that is forgotten, not faster than the membrane; without it, never."),
      })
      .optional()
      .describe("An adaptive threshold: who fires often needs more to fire."),
  })
  .describe("Parameters of the neurons; the input has none.");

const population = z.strictObject({
  shape: z
    .tuple([size, size, size])
    .optional()
    .describe(
      "Channels, height, width; the input may leave it out and takes the shape of what comes in, or lays out a row.",
    ),
  neuron: neuron.optional(),
});

const values = z.array(finite).min(1).max(65_536);
const scale = finite.default(1).describe("Multiplies each number.");

const generatedWeights = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant"), value: finite }),
  z
    .strictObject({ kind: z.literal("uniform"), min: finite, max: finite })
    .describe("Seeded, between two numbers."),
  z
    .strictObject({ kind: z.literal("normal"), mean: finite, deviation: z.number().min(0) })
    .describe("Seeded."),
  z
    .strictObject({ kind: z.literal("gaussian"), peak: finite, sigmaCells: cells })
    .describe("peak * exp(-d^2 / 2 sigma^2), d the distance between the places in cells of the target."),
  z
    .strictObject({
      kind: z.literal("mexican-hat"),
      peak: finite,
      sigmaCells: cells,
      surround: finite,
      surroundSigmaCells: cells,
    })
    .describe("A Gaussian of `peak` less a wider one of `surround`."),
  z.strictObject({ kind: z.literal("by-channel"), values }).describe("One number a channel of the source."),
  z
    .strictObject({ kind: z.literal("by-row"), values })
    .describe("Numbers spread over the source's rows, straight lines between them."),
  z
    .strictObject({ kind: z.literal("by-column"), values })
    .describe("Numbers spread over the source's columns, straight lines between them."),
  z
    .strictObject({ kind: z.literal("rows"), rows: z.array(z.array(finite)).min(1), scale })
    .describe("One row a target neuron (a convolution: a target channel), one number a source neuron."),
  z
    .strictObject({ kind: z.literal("file"), file: z.string().min(1), scale })
    .describe("As `rows`, from a text file: a line a row, numbers apart by commas or blanks."),
]);
export type GeneratedWeights = z.output<typeof generatedWeights>;

const weights = z.union([finite, generatedWeights]).describe("One number for all, or a pattern.");

const ends = {
  from: z.string().describe("Population whose spikes are carried."),
  to: z.string().describe("Population that they reach."),
  bits: z
    .literal(8)
    .optional()
    .describe("Stores the weights as 8-bit whole numbers, the largest at 127; without it they are floats."),
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .optional()
    .describe("For what is random here; by default made from the run's seed."),
};
const oneDelay = {
  delayUs: delayUs
    .optional()
    .describe(
      "From spike to arrival, in microseconds; by default 0 forwards, and 1 (the least) to itself or back.",
    ),
};
const learns = { plasticity: plasticityDocument.optional() };
const pair = (least: number, most: number) =>
  z.tuple([z.int().min(least).max(most), z.int().min(least).max(most)]);

const projection = z.discriminatedUnion("pattern", [
  z
    .strictObject({
      ...ends,
      ...oneDelay,
      ...learns,
      pattern: z.literal("dense"),
      weights,
      self: z
        .boolean()
        .default(true)
        .describe("Whether a neuron reaches itself, in a projection to its own population."),
    })
    .describe("Every neuron to every neuron."),
  z
    .strictObject({ ...ends, ...oneDelay, ...learns, pattern: z.literal("one-to-one"), weights })
    .describe("Each neuron to the one with its id: equal shapes."),
  z
    .strictObject({ ...ends, ...oneDelay, ...learns, pattern: z.literal("pool"), weights })
    .describe("Each target sums a window of the source, and all channels when it has one channel."),
  z
    .strictObject({
      ...ends,
      ...oneDelay,
      pattern: z.literal("convolution"),
      kernel: pair(1, 256).describe("Height and width."),
      stride: pair(1, 256).default([1, 1]),
      padding: pair(0, 255).default([0, 0]).describe("Rows and columns of zeros around the source."),
      weights,
    })
    .describe(
      "A cross-correlation; a row of weights is target channel by source channel, kernel row, kernel column.",
    ),
  z
    .strictObject({
      ...ends,
      ...learns,
      pattern: z.literal("sparse"),
      synapses: z
        .array(
          z.union([
            z.tuple([z.int().min(0), z.int().min(0), finite]),
            z.tuple([z.int().min(0), z.int().min(0), finite, delayUs]),
          ]),
        )
        .optional()
        .describe("[source, target, weight] or [source, target, weight, delayUs] each."),
      probability: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe("Of a synapse between any two neurons, seeded."),
      weights: weights.optional().describe("With `probability`: one number for all, or a pattern."),
      delayUs: z
        .union([
          delayUs,
          z.strictObject({ minUs: delayUs, maxUs: delayUs, stepUs: z.int().min(1).default(1) }),
        ])
        .optional()
        .describe(
          "One delay, or seeded ones in steps from minUs to maxUs; by default as for other patterns.",
        ),
    })
    .describe("Synapses from a list, or at random."),
]);

/** Schema of a network document; see `pipelines/` for some. */
export const networkDocument = z
  .strictObject({
    about: z.string().optional().describe("One sentence for the reader."),
    input: z.string().describe("Population whose spikes come in."),
    output: z.string().describe("Population whose spikes leave."),
    populations: z
      .record(
        z.string().regex(/^[a-z][a-z0-9-]*$/, "a name is lower-case letters, digits and dashes"),
        population,
      )
      .describe("By name. A projection to a later population is forwards, any other is recurrent."),
    projections: z.array(projection).max(networkBounds.projections),
  })
  .describe("A spiking network.");
export type NetworkDocument = z.output<typeof networkDocument>;

/** A document with the place that errors name. */
export interface PlacedDocument {
  readonly document: NetworkDocument;
  /** For messages: file, line and path of a part of the document. */
  locate(path: Path): string;
}

/** Parses and checks the YAML text of a network document; `name` is what errors call it. Throws a ReflexarcError. */
export function parseNetwork(text: string, name: string): PlacedDocument {
  const yaml = readYaml(text, name, "network");
  const locate = (path: Path) => `${yaml.whereIs(path)}${path.length > 0 ? `, ${path.join(".")}` : ""}`;
  return checkNetwork(yaml.value, locate);
}

/** Checks a value against the schema; `locate` tells where a part of it stands. Throws a ReflexarcError. */
export function checkNetwork(value: unknown, locate: PlacedDocument["locate"]): PlacedDocument {
  const result = networkDocument.safeParse(value);
  if (result.success) return { document: result.data, locate };
  const { path, what, remedy } = explainIssue(foremost(result.error.issues), value);
  throw refused(what, locate(path), remedy);
}

/** An error about a network document. */
export function refused(what: string, where: string, remedy?: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "network", what, where, ...(remedy && { remedy }) });
}

/** What zod found wrong in a network document, in words. */
export function explainIssue(
  issue: z.core.$ZodRawIssue | z.core.$ZodIssue,
  document: unknown,
  base: Path = [],
): { path: Path; what: string; remedy: string | undefined } {
  const path = [...base, ...((issue.path ?? []) as (string | number)[])];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The branch that read furthest is the one that the author meant; of equals the last, a map.
    const depth = (branch: z.core.$ZodIssue[]) => Math.max(...branch.map((inner) => inner.path.length));
    const branch = issue.errors.reduce((best, other) => (depth(other) >= depth(best) ? other : best));
    return explainIssue(foremost(branch), document, path);
  }
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const allowed = allowedKeys(path, document);
    const near = nearestName(key, allowed);
    const remedy = near ? `Did you mean "${near}"?` : `Allowed are ${allowed.join(", ")}.`;
    return { path: [...path, key], what: `unknown key "${key}"`, remedy };
  }
  const given = valueAt(document, path);
  const name = path.at(-1);
  if (name === "pattern" || name === "kind" || name === "weights" || name === "rule") {
    const what =
      given === undefined
        ? `"${name}" is missing`
        : `unknown ${name} ${typeof given === "number" ? given : JSON.stringify(given).slice(0, 40)}`;
    return { path, what, remedy: choices[name]() };
  }
  if (given === undefined && path.length > 0)
    return { path, what: `"${name}" is missing`, remedy: undefined };
  return {
    path,
    what: (issue.message ?? "").replace(/^(Invalid input|Too small|Too big): /, ""),
    remedy: undefined,
  };
}

/** A misspelt key also leaves the right one missing: it is told first. */
function foremost(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  return issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!;
}

const choices = {
  pattern: () => `Patterns are ${projection.options.map(({ shape }) => shape.pattern.value).join(", ")}.`,
  kind: () =>
    `Kinds of weights are ${generatedWeights.options.map(({ shape }) => shape.kind.value).join(", ")}.`,
  weights: () => "Give a finite number, or { kind: ... }.",
  rule: () => `Rules are ${plasticityDocument.options.map(({ shape }) => shape.rule.value).join(", ")}.`,
};

function valueAt(document: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) => (at as Record<string | number, unknown> | undefined)?.[key],
    document,
  );
}

function allowedKeys(path: Path, document: unknown): string[] {
  if (path.length === 0) return Object.keys(networkDocument.shape);
  if (path[0] === "populations") {
    if (path[3] === "adapt") return ["step", "tauMs"];
    return Object.keys((path[2] === "neuron" ? neuron : population).shape);
  }
  const { kind, pattern, rule } = (valueAt(document, path) ?? {}) as Record<string, unknown>;
  const last = path.at(-1);
  const option =
    last === "weights"
      ? generatedWeights.options.find(({ shape }) => shape.kind.value === kind)
      : last === "plasticity"
        ? plasticityDocument.options.find(({ shape }) => shape.rule.value === rule)
        : projection.options.find(({ shape }) => shape.pattern.value === pattern);
  return option ? Object.keys(option.shape) : [];
}
