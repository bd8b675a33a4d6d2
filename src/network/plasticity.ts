/** How a projection's weights learn: what a document says of it, and the rule in memory. */

import { z } from "zod";
import { type Product, parseRule, RuleError, type RuleVariable } from "./rule.ts";

/** A trace: it goes up when a spike comes and decays between, exactly: x(t) = x(s) exp(-(t - s) / tau). */
export interface TraceSettings {
  readonly tauUs: number;
  /** What a spike adds, or sets it to. */
  readonly impulse: number;
  /** `add`: all earlier spikes count; `set`: the last one. */
  readonly mode: "add" | "set";
}

export const sourceTraces = ["x1", "x2"] as const;
export const targetTraces = ["y1", "y2", "y3"] as const;
export type TraceName = (typeof sourceTraces)[number] | (typeof targetTraces)[number];

/** A projection's way of learning, whatever preset it came from. */
export interface Plasticity {
  /** What a weight changes by at its events. */
  readonly dw: readonly Product[];
  /** What a synapse's tag changes by; it decays with `tagTauUs`. */
  readonly dt: readonly Product[];
  readonly tagTauUs: number;
  readonly traces: Readonly<Partial<Record<TraceName, TraceSettings>>>;
  /** Whose spikes are rewards: a population by index, and the value of each neuron's spike. */
  readonly reward: { readonly from: number; readonly values: readonly number[] } | undefined;
  /** No weight leaves these. */
  readonly min: number;
  readonly max: number;
  /** After each of its spikes a neuron's weights are scaled to this sum. */
  readonly total: number | undefined;
  readonly memristor: Memristor | undefined;
  /** For what differs by chance. */
  readonly seed: number;
}

/**
 * A device of a crossbar in place of an ideal weight, after Querlioz et al. (IEEE Trans. Nanotechnol. 12(3), 2013):
 * with p = (w - min) / (max - min), a change that the rule asks for acts as dw * up.gain * exp(-up.saturation * p)
 * upwards and dw * down.gain * exp(-down.saturation * (1 - p)) downwards, and ends in one of `states` levels.
 */
export interface Memristor {
  readonly states: number;
  readonly up: { readonly gain: number; readonly saturation: number };
  readonly down: { readonly gain: number; readonly saturation: number };
  /** Relative deviation of a device's range and of its two gains from the mean (device to device). */
  readonly spread: number;
  /** Relative deviation of each single change (cycle to cycle). */
  readonly jitter: number;
}

const finite = z.number();
const tauMs = z.number().min(0.001).max(1e9);
const rate = z.number().min(0).max(1e6);

const direction = (way: string) =>
  z.strictObject({
    gain: rate.default(1).describe("What a change is multiplied by."),
    saturation: z
      .number()
      .min(0)
      .max(30)
      .default(3)
      .describe(`How much less it does near the end of the way ${way}: exp(-saturation) of it at the end.`),
  });

const memristor = z
  .strictObject({
    states: z.int().min(2).max(65_536).default(64).describe("Levels of conductance that a device has."),
    up: direction("up").prefault({}),
    down: direction("down").prefault({ gain: 0.5 }),
    spread: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("Relative deviation from device to device, of the range and of both gains; seeded."),
    jitter: z
      .number()
      .min(0)
      .max(10)
      .default(0)
      .describe("Relative deviation from one change of a device to the next; seeded."),
  })
  .describe("Devices of a memristor crossbar in place of ideal weights; the lowest conductance is `min`.");

const synapse = {
  min: finite.default(0).describe("No weight goes below it."),
  max: finite.default(1).describe("No weight goes above it."),
  total: z
    .number()
    .positive()
    .optional()
    .describe("Sum to which the weights into a neuron are scaled after each of its spikes."),
  memristor: memristor.optional(),
};

const window = {
  tauPlusMs: tauMs.default(20).describe("How long before the target's spike a source's still counts."),
  tauMinusMs: tauMs.default(20).describe("How long after the target's spike a source's still counts."),
};
const pair = {
  potentiation: rate.default(0.005).describe("A+: what a weight gains when its source fires just before."),
  depression: rate
    .default(0.00525)
    .describe("A-: what it loses when its source fires just after; above A+ by default."),
  ...window,
  pairing: z
    .enum(["all", "nearest"])
    .default("all")
    .describe("Each spike pairs with all earlier ones of the other side, or with the last one."),
};

const reward = z
  .strictObject({
    from: z.string().describe("Population whose spikes are rewards."),
    values: z.array(finite).min(1).max(65_536).describe("What a spike of each of its neurons is worth."),
  })
  .describe("Where rewards come from.");

const trace = z.strictObject({
  tauMs,
  impulse: finite.default(1).describe("What a spike adds, or sets the trace to."),
  mode: z.enum(["add", "set"]).default("add").describe("All earlier spikes count, or the last one."),
});

/** The `plasticity` of a projection in a document. */
export const plasticityDocument = z
  .discriminatedUnion("rule", [
    z
      .strictObject({
        rule: z.literal("pair"),
        ...pair,
        bounds: z
          .enum(["hard", "soft"])
          .default("hard")
          .describe("Changes are cut off at min and max, or get smaller on the way there."),
        ...synapse,
      })
      .describe("Pairs of spikes (Song, Miller and Abbott 2000)."),
    z
      .strictObject({
        rule: z.literal("triplet"),
        pairPotentiation: rate.default(5e-10).describe("A2+."),
        tripletPotentiation: rate.default(6.2e-3).describe("A3+."),
        pairDepression: rate.default(7e-3).describe("A2-."),
        tripletDepression: rate.default(2.3e-4).describe("A3-."),
        tauPlusMs: tauMs.default(16.8),
        tauMinusMs: tauMs.default(33.7),
        tauXMs: tauMs.default(101).describe("Slow trace of the source."),
        tauYMs: tauMs.default(125).describe("Slow trace of the target."),
        pairing: pair.pairing,
        ...synapse,
      })
      .describe("Triplets of spikes (Pfister and Gerstner 2006; by default visual cortex, all pairs)."),
    z
      .strictObject({
        rule: z.literal("reward"),
        ...pair,
        tagTauMs: tauMs.default(1000).describe("How long a pair waits for its reward."),
        rate: rate.default(1).describe("What a reward of 1 makes of a tag of 1."),
        reward,
        ...synapse,
      })
      .describe(
        "Pairs of spikes only tag their synapse; a reward turns the tag into weight (Izhikevich 2007).",
      ),
    z
      .strictObject({
        rule: z.literal("homeostatic"),
        targetHz: z.number().positive().max(1e6).describe("The rate that each target neuron shall have."),
        tauMs: tauMs.default(1000).describe("Over how long the rate is measured."),
        rate: rate
          .default(1e-4)
          .describe("Relative change of a weight, a source's spike and Hz of difference."),
        ...synapse,
      })
      .describe(
        "dw = rate * w * (targetHz - y1) * x0: weights are scaled until their neuron fires as often as it shall.",
      ),
    z
      .strictObject({
        rule: z.literal("products"),
        dw: z.string().describe("Change of a weight, for example 2*x1*y0 - 2*y1*x0."),
        dt: z.string().optional().describe("Change of the synapse's tag t, likewise."),
        x1: trace.optional().describe("First trace of the source."),
        x2: trace.optional().describe("Second trace of the source."),
        y1: trace.optional().describe("First trace of the target."),
        y2: trace.optional().describe("Second trace of the target."),
        y3: trace.optional().describe("Third trace of the target."),
        tagTauMs: tauMs.optional().describe("How long a tag lasts; for ever by default."),
        reward: reward.optional(),
        ...synapse,
      })
      .describe("Sums of products as Loihi has them."),
  ])
  .describe("How the weights learn while the network runs; only with the asynchronous engine.");
export type PlasticityDocument = z.output<typeof plasticityDocument>;

/** What is wrong with a rule, and with which key. */
export class PlasticityError extends Error {
  readonly key: string;
  readonly remedy: string;
  constructor(what: string, key: string, remedy: string) {
    super(what);
    this.key = key;
    this.remedy = remedy;
  }
}

/**
 * The rule that a document's words mean. `populationOf` tells index and size of a population that rewards. Throws a
 * PlasticityError.
 */
export function buildPlasticity(
  document: PlasticityDocument,
  seed: number,
  populationOf: (name: string) => { readonly index: number; readonly size: number },
): Plasticity {
  const { min, max, total } = document;
  if (min >= max) throw new PlasticityError(`min ${min} is not below max ${max}`, "min", "Lower it.");
  if (document.memristor && total !== undefined)
    throw new PlasticityError(
      "a total beside memristors",
      "total",
      "A crossbar can't scale its devices by a factor: leave one of the two out.",
    );
  const words = wordsOf(document);
  const dw = productsOf("dw", words.dw);
  const dt = words.dt === undefined ? [] : productsOf("dt", words.dt);
  const used = new Set<RuleVariable>([...dw, ...dt].flatMap(({ event, factors }) => [event, ...factors]));
  for (const name of [...sourceTraces, ...targetTraces])
    if (used.has(name) && !words.traces[name])
      throw new PlasticityError(
        `the rule uses ${name}, which has no time constant`,
        name,
        `Add ${name}: { tauMs: 20 }.`,
      );
  if (used.has("t") && words.dt === undefined)
    throw new PlasticityError(
      "the rule uses the tag t, which nothing changes",
      "dt",
      "Add dt: a rule for t.",
    );
  if (used.has("r0") !== (words.reward !== undefined))
    throw new PlasticityError(
      words.reward ? "a reward that the rule doesn't use" : "the rule uses r0, but nothing rewards",
      "reward",
      words.reward ? "Use r0 in dw." : "Add reward: { from: population, values: [1] }.",
    );
  const reward = words.reward && { ...words.reward, from: populationOf(words.reward.from) };
  if (reward && reward.values.length !== reward.from.size)
    throw new PlasticityError(
      `${reward.values.length} values for ${reward.from.size} neurons that reward`,
      "reward",
      "Give one value a neuron.",
    );
  const kept = Object.entries(words.traces).filter(([name]) => used.has(name as TraceName));
  return {
    dw,
    dt,
    tagTauUs: words.tagTauMs * 1000,
    traces: Object.fromEntries(
      kept.map(([name, { tauMs, impulse, mode }]) => [name, { tauUs: tauMs * 1000, impulse, mode }]),
    ),
    reward: reward && { from: reward.from.index, values: reward.values },
    min,
    max,
    total,
    memristor: document.memristor,
    seed,
  };
}

function productsOf(key: "dw" | "dt", text: string): Product[] {
  try {
    return parseRule(text, key);
  } catch (error) {
    if (error instanceof RuleError) throw new PlasticityError(error.message, key, error.remedy);
    throw error;
  }
}

type TraceDocument = z.output<typeof trace>;

/** Every preset in the one language that the engine knows. */
interface Words {
  readonly dw: string;
  readonly dt?: string | undefined;
  readonly traces: Readonly<Partial<Record<TraceName, TraceDocument>>>;
  readonly tagTauMs: number;
  readonly reward?: { readonly from: string; readonly values: readonly number[] } | undefined;
}

function wordsOf(document: PlasticityDocument): Words {
  const mode = "pairing" in document && document.pairing === "nearest" ? "set" : "add";
  const lasting = (tauMs: number): TraceDocument => ({ tauMs, impulse: 1, mode });
  switch (document.rule) {
    case "pair": {
      const { potentiation, depression, tauPlusMs, tauMinusMs, bounds, min, max } = document;
      const [up, down] = bounds === "soft" ? [`*(${max} - w)`, `*(w - ${signed(min)})`] : ["", ""];
      return {
        dw: `${potentiation}*x1*y0${up} - ${depression}*y1*x0${down}`,
        traces: { x1: lasting(tauPlusMs), y1: lasting(tauMinusMs) },
        tagTauMs: Infinity,
      };
    }
    case "triplet": {
      const { pairPotentiation, tripletPotentiation, pairDepression, tripletDepression } = document;
      return {
        dw: `x1*y0*(${pairPotentiation} + ${tripletPotentiation}*y2) - y1*x0*(${pairDepression} + ${tripletDepression}*x2)`,
        traces: {
          x1: lasting(document.tauPlusMs),
          x2: lasting(document.tauXMs),
          y1: lasting(document.tauMinusMs),
          y2: lasting(document.tauYMs),
        },
        tagTauMs: Infinity,
      };
    }
    case "reward":
      return {
        dw: `${document.rate}*r0*t`,
        dt: `${document.potentiation}*x1*y0 - ${document.depression}*y1*x0`,
        traces: { x1: lasting(document.tauPlusMs), y1: lasting(document.tauMinusMs) },
        tagTauMs: document.tagTauMs,
        reward: document.reward,
      };
    case "homeostatic": {
      const { rate, targetHz, tauMs } = document;
      // An impulse of 1 / tau makes the trace an average of the rate, here in Hz.
      const y1: TraceDocument = { tauMs, impulse: 1000 / tauMs, mode: "add" };
      return { dw: `${rate}*w*x0*(${targetHz} - y1)`, traces: { y1 }, tagTauMs: Infinity };
    }
    case "products": {
      const { dw, dt, x1, x2, y1, y2, y3, tagTauMs = Infinity, reward } = document;
      const traces = Object.entries({ x1, x2, y1, y2, y3 }).filter(([, settings]) => settings);
      return { dw, dt, traces: Object.fromEntries(traces), tagTauMs, reward };
    }
  }
}

/** A negative number in brackets, as a rule needs it after a sign. */
function signed(value: number): string {
  return value < 0 ? `(${value})` : `${value}`;
}
