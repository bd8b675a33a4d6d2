/** What a network learnt: weights and raised thresholds, as text that can be kept and put into the same network again. */

import { ReflexarcError } from "../errors.ts";
import type { Network, Population, Projection } from "./network.ts";

/** By name, so that it outlives changes elsewhere in the network. */
export interface Learned {
  /** Projections that learn, in the network's order; weights in the projection's own. */
  readonly projections: readonly {
    readonly from: string;
    readonly to: string;
    readonly weights: Float64Array;
  }[];
  /** Populations with adaptive thresholds: what each neuron's is raised by. */
  readonly populations: readonly { readonly name: string; readonly raised: Float64Array }[];
}

/** Longest file, in characters. */
const lengthMax = 512 * 1024 * 1024;
const mark = "reflexarc-learned";
const version = 1;

/** One line of JSON a part; numbers are written so that reading gives the same bits. */
export function writeLearned({ projections, populations }: Learned): string {
  const parts = (lines: readonly object[]) => lines.map((line) => `\n    ${JSON.stringify(line)}`).join(",");
  return `{
  "format": "${mark}",
  "version": ${version},
  "projections": [${parts(projections.map(({ weights, ...ends }) => ({ ...ends, weights: [...weights] })))}
  ],
  "populations": [${parts(populations.map(({ name, raised }) => ({ name, raised: [...raised] })))}
  ]
}
`;
}

/** Whether a text begins as `writeLearned` begins it. */
export function isLearned(text: string): boolean {
  return text.startsWith(`{\n  "format": "${mark}"`);
}

/** Reads what `writeLearned` wrote; `name` is what errors call it. Throws a ReflexarcError. */
export function readLearned(text: string, name: string): Learned {
  const wrong = (what: string) => refused(what, name, "Name a file that `expose` or `run --learned` wrote.");
  if (text.length > lengthMax) throw wrong(`more than ${lengthMax} characters`);
  const read = parsed(text);
  if (!isRecord(read) || read.format !== mark) throw wrong("this is no file of what a network learnt");
  if (read.version !== version) throw wrong(`version ${JSON.stringify(read.version)}, known is ${version}`);
  const list = (key: string) => {
    const items = read[key];
    if (!Array.isArray(items) || !items.every(isRecord)) throw wrong(`"${key}" is no list of parts`);
    return items as Record<string, unknown>[];
  };
  const words = (part: Record<string, unknown>, key: string) => {
    const value = part[key];
    if (typeof value !== "string") throw wrong(`a part without "${key}"`);
    return value;
  };
  const numbers = (part: Record<string, unknown>, key: string) => {
    const values = part[key];
    if (!Array.isArray(values) || !values.every(Number.isFinite))
      throw wrong(`"${key}" isn't all finite numbers`);
    return Float64Array.from(values as number[]);
  };
  return {
    projections: list("projections").map((part) => ({
      from: words(part, "from"),
      to: words(part, "to"),
      weights: numbers(part, "weights"),
    })),
    populations: list("populations").map((part) => ({
      name: words(part, "name"),
      raised: numbers(part, "raised"),
    })),
  };
}

/** The network with what it learnt; `name` is what errors call that. Throws a ReflexarcError where it doesn't fit. */
export function withLearned(network: Network, learned: Learned, name: string): Network {
  const nameOf = (index: number) => network.populations[index]!.name;
  const left = [...learned.projections];
  const projections = network.projections.map((projection): Projection => {
    if (!projection.plasticity) return projection;
    const [from, to] = [nameOf(projection.from), nameOf(projection.to)];
    const place = left.findIndex((part) => part.from === from && part.to === to);
    if (place < 0)
      throw refused(`there are no weights from "${from}" to "${to}"`, name, "It is of another network.");
    const [{ weights }] = left.splice(place, 1) as [Learned["projections"][number]];
    checkLength(weights.length, projection.weights.values.length, `weights from "${from}" to "${to}"`, name);
    const { min, max, memristor } = projection.plasticity;
    // A device may reach beyond the mean range by what devices differ.
    const outside = memristor ? undefined : weights.find((weight) => weight < min || weight > max);
    if (outside !== undefined)
      throw refused(
        `a weight of ${outside} is not within ${min} and ${max}`,
        name,
        "It is of another network.",
      );
    return { ...projection, weights: { values: weights, scale: 1 } };
  });
  if (left[0])
    throw refused(
      `weights from "${left[0].from}" to "${left[0].to}", where nothing learns`,
      name,
      "It is of another network.",
    );
  const populations = network.populations.map((population): Population => {
    const { neuron } = population;
    if (neuron?.model !== "jump" || !neuron.adapt) return population;
    const part = learned.populations.find((one) => one.name === population.name);
    if (!part)
      throw refused(`there are no thresholds of "${population.name}"`, name, "It is of another network.");
    checkLength(part.raised.length, population.size, `thresholds of "${population.name}"`, name);
    return { ...population, neuron: { ...neuron, adapt: { ...neuron.adapt, raised: part.raised } } };
  });
  return { ...network, projections, populations };
}

/** The network as it is now, for good: weights and thresholds stay. */
export function frozen(network: Network): Network {
  return {
    ...network,
    projections: network.projections.map(({ plasticity: _, ...projection }) => projection),
    populations: network.populations.map((population): Population => {
      const { neuron } = population;
      if (neuron?.model !== "jump" || !neuron.adapt) return population;
      return { ...population, neuron: { ...neuron, adapt: { ...neuron.adapt, step: 0, tauUs: Infinity } } };
    }),
  };
}

function checkLength(found: number, wanted: number, what: string, name: string): void {
  if (found !== wanted)
    throw refused(`${found} ${what} instead of ${wanted}`, name, "It is of another network.");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(what: string, where: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "network", what, where, remedy });
}
