/** A spatio-temporal pattern of spikes as a file: which neurons fired in an example, and when. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import type { Packet } from "../events/packet.ts";
import { readYaml } from "../yaml.ts";

/** Most spikes of a pattern, and its longest span. */
export const patternSpikesMax = 1 << 16;
export const patternUsMax = 60_000_000;

const patternFile = z.strictObject({
  about: z.string().optional(),
  neurons: z.int().min(1),
  spanUs: z.int().min(0).max(patternUsMax),
  spikes: z
    .array(z.tuple([z.int().min(0), z.int().min(0)]))
    .min(1)
    .max(patternSpikesMax),
});

export interface Pattern {
  readonly about?: string | undefined;
  /** Size of the population that it is about. */
  readonly neurons: number;
  /** Time of its last possible spike. */
  readonly spanUs: number;
  /** In order of time: microseconds since its beginning, and the neuron. */
  readonly spikes: readonly (readonly [timeUs: number, neuron: number])[];
}

/** Parses a pattern file. Throws a usage error with its line. */
export function readPattern(text: string, file: string): Pattern {
  const yaml = readYaml(text, file, "template");
  const refuse = (what: string, path: readonly (string | number)[]) =>
    new ReflexarcError({
      kind: "usage",
      room: "template",
      what,
      where: yaml.whereIs(path),
      remedy: "Teach it again: `reflexarc teach` writes such a file.",
    });
  const parsed = patternFile.safeParse(yaml.value);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success)
    throw refuse(`this is no pattern: ${issue!.message}`, issue!.path as (string | number)[]);
  const { neurons, spanUs, spikes } = parsed.data;
  let beforeUs = 0;
  for (const [k, [timeUs, neuron]] of spikes.entries()) {
    if (neuron >= neurons) throw refuse(`there is no neuron ${neuron} of ${neurons}`, ["spikes", k]);
    if (timeUs < beforeUs || timeUs > spanUs)
      throw refuse(`a spike at ${timeUs} us is out of order, or after ${spanUs} us`, ["spikes", k]);
    beforeUs = timeUs;
  }
  return parsed.data;
}

/** The text of a pattern file, JSON with a spike a line. */
export function writePattern({ about, neurons, spanUs, spikes }: Pattern): string {
  const fields = Object.entries({ about, neurons, spanUs }).flatMap(([name, value]) =>
    value === undefined ? [] : [`  "${name}": ${JSON.stringify(value)},\n`],
  );
  return `{\n${fields.join("")}  "spikes": [\n${spikes.map((spike) => `    [${spike.join(", ")}]`).join(",\n")}\n  ]\n}\n`;
}

/** Collects the spikes of a span `[fromUs, toUs)` of packet time, as a pattern that begins with its first spike. */
export class PatternTaker {
  readonly #fromUs: number;
  readonly #toUs: number;
  readonly #spikes: [number, number][] = [];

  constructor(fromUs: number, toUs: number) {
    this.#fromUs = fromUs;
    this.#toUs = toUs;
  }

  /** Throws a usage error when there are too many. */
  take({ count, times, addresses }: Packet): void {
    for (let k = 0; k < count; k++) {
      const timeUs = times[k]!;
      if (timeUs < this.#fromUs || timeUs >= this.#toUs) continue;
      if (this.#spikes.push([timeUs, addresses[k]!]) <= patternSpikesMax) continue;
      throw refuseSpan(
        `more than ${patternSpikesMax} spikes`,
        "Name a shorter one, or filter more before it.",
      );
    }
  }

  /** Throws a usage error when nothing was there. */
  pattern(about: string, neurons: number): Pattern {
    const [first] = this.#spikes;
    if (!first) throw refuseSpan("no spike", "Name the span in which the example is.");
    const spikes = this.#spikes.map(([timeUs, neuron]) => [timeUs - first[0], neuron] as const);
    return { about, neurons, spanUs: spikes.at(-1)![0], spikes };
  }
}

function refuseSpan(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "teach", what: `${what} in that span`, remedy });
}
