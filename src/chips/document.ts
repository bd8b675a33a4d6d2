/** The document that describes a chip: its schema, and how YAML text or an object becomes one. */

import { z } from "zod";
import { nearestName, ReflexarcError } from "../errors.ts";
import { type Path, readYaml } from "../yaml.ts";

const bases = ["measured", "published", "derived", "assumed"] as const;

const source = z.string().min(1).describe("A key of `sources`.");
const basis = z
  .enum(bases)
  .describe(
    "Measured on the chip, published by its makers (also from before there was silicon), derived from such figures, or assumed.",
  );
const constant = z.strictObject({ value: z.number().min(0), basis, source });
const limit = z.strictObject({ value: z.int().min(1), basis, source });
export type Constant = z.output<typeof constant>;

const mesh = z
  .strictObject({
    kind: z.literal("mesh"),
    width: z.int().min(1).max(256).describe("Tiles, east to west."),
    height: z.int().min(1).max(256).describe("Tiles, north to south."),
    coresPerTile: z.int().min(1).max(256),
    basis,
    source,
  })
  .describe("Tiles in a grid; a spike goes east or west first, then north or south.");
const crossbar = z
  .strictObject({ kind: z.literal("crossbar"), basis, source })
  .describe("Each core is one hop from each other.");

const coreKind = z
  .strictObject({
    count: limit.describe("Cores of this kind; kinds follow each other in the numbering of cores."),
    neurons: limit,
    synapseBits: limit.describe("Memory for weights, in bits."),
    axonsIn: limit.optional().describe("Different neurons that may reach a core."),
    axonsOut: limit.optional().describe("Sum over a core's neurons of the cores that each of them reaches."),
    populations: limit.optional().describe("Populations that may share a core."),
  })
  .describe("One kind of core and what it holds.");

const synapses = z
  .strictObject({
    weightBits: limit.describe("Of a stored weight, its sign included."),
    weightLevels: z
      .enum(["integer", "even", "ternary"])
      .describe(
        "A weight is a whole number times the projection's scale: any in the range, an even one, or -1, 0 and 1.",
      ),
    weightMax: z.int().min(1).describe("The largest of these numbers, positive or negative."),
    indexBits: limit.optional().describe("Beside each weight of a sparse row: where it leads."),
    kernels: z
      .enum(["shared", "power-of-two", "unrolled"])
      .describe(
        "A core keeps a convolution as its kernel, as its kernel with both sizes rounded up to powers of two, or each synapse.",
      ),
    delaySteps: z.strictObject({ value: z.int().min(0), basis, source }).describe("Longest delay, in steps."),
    basis,
    source,
  })
  .describe("How weights are stored.");

const limits = z
  .strictObject({
    fanIn: limit.optional().describe("Synapses of one neuron."),
    fanOut: limit.optional().describe("Synapses that one neuron of the network leads to."),
    coresReached: limit.optional().describe("Cores that one neuron reaches."),
    inputs: limit.optional().describe("Neurons of the input."),
    outputs: limit.optional().describe("Neurons of the output."),
    split: z
      .boolean()
      .default(true)
      .describe("Whether the neurons of a population may lie on several cores."),
  })
  .describe("What holds for neurons and populations, wherever they lie.");

const timing = z
  .strictObject({
    kind: z
      .enum(["barrier", "tick", "asynchronous"])
      .describe(
        "All cores wait for the slowest in each step, or for a timer too, or each works when something arrives.",
      ),
    stepUs: limit.describe("Length of a step of networks that name none, in microseconds."),
    updates: z
      .enum(["every-step", "on-arrival"])
      .describe("Whether a neuron that nothing reaches is updated in each step all the same."),
    basis,
    source,
  })
  .describe("How time goes on.");

const energyPj = z
  .strictObject({
    synapticOperation: constant,
    activeUpdate: constant.describe("Update of a neuron that something reached in the step."),
    inactiveUpdate: constant.describe("Update of a neuron that nothing reached."),
    spike: constant.describe("A spike of a neuron, made and sent to one core."),
    hopX: constant.describe("East or west to the next tile."),
    hopY: constant.describe("North or south to the next tile."),
    weightUpdate: constant
      .optional()
      .describe("A learning rule worked out at one synapse; absent where the chip can't learn."),
  })
  .describe("Energies in picojoules.");
const timeNs = z
  .strictObject({
    synapticOperation: constant,
    activeUpdate: constant,
    inactiveUpdate: constant,
    spike: constant,
    hopX: constant,
    hopY: constant,
    barrier: constant.describe("At the end of a step, until all cores know."),
  })
  .describe("Times in nanoseconds.");

/** Schema of a chip document; the bundled ones are beside this file. */
export const chipDocument = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]*$/, "a name is lower-case letters, digits and dashes"),
    about: z.string().min(1).describe("One sentence for the reader."),
    sources: z.record(z.string(), z.string().min(1)).describe("Where the figures are from, by a short key."),
    fabric: z.discriminatedUnion("kind", [mesh, crossbar]),
    cores: z.array(coreKind).min(1).max(64),
    synapses,
    limits: limits.prefault({}),
    timing,
    energyPj,
    timeNs,
    idleMw: constant.describe("Power while nothing happens, in milliwatts; 0 where it isn't known."),
  })
  .describe("A neuromorphic chip as a model: what it holds, and what each kind of event costs.");
export type Chip = z.output<typeof chipDocument>;

/** Parses and checks the YAML text of a chip document; `name` is what errors call it. Throws a ReflexarcError. */
export function parseChip(text: string, name: string): Chip {
  const yaml = readYaml(text, name, "chip");
  return checkChip(
    yaml.value,
    (path) => `${yaml.whereIs(path)}${path.length > 0 ? `, ${path.join(".")}` : ""}`,
  );
}

/** Checks a value against the schema and its figures against each other. Throws a ReflexarcError. */
export function checkChip(value: unknown, locate: (path: Path) => string): Chip {
  const result = chipDocument.safeParse(value);
  if (!result.success) {
    const issue =
      result.error.issues.find(({ code }) => code === "unrecognized_keys") ?? result.error.issues[0]!;
    throw explained(issue, value, locate);
  }
  const chip = result.data;
  checkSources(chip, locate);
  const { fabric, cores } = chip;
  const count = coreCount(chip);
  if (fabric.kind === "mesh" && count > fabric.width * fabric.height * fabric.coresPerTile)
    throw refused(
      `${count} cores do not fit on ${fabric.width} x ${fabric.height} tiles of ${fabric.coresPerTile}`,
      locate(["cores"]),
      "Enlarge the mesh, or lower a count.",
    );
  if (count > coresMax)
    throw refused(`${count} cores, at most ${coresMax} are modelled`, locate(["cores"]), "Lower a count.");
  if (cores.some(({ neurons }) => neurons.value > 1 << 20))
    throw refused(`more than ${1 << 20} neurons a core`, locate(["cores"]), "No network here is larger.");
  return chip;
}

/** Cores of one chip that are modelled. */
export const coresMax = 8192;

export function coreCount({ cores }: Chip): number {
  return cores.reduce((sum, { count }) => sum + count.value, 0);
}

function refused(what: string, where: string, remedy?: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "chip", what, where, ...(remedy && { remedy }) });
}

/** Every figure names a source that is there. */
function checkSources(chip: Chip, locate: (path: Path) => string): void {
  const visit = (value: unknown, path: Path): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, Array.isArray(value) ? Number(key) : key];
      if (key === "source" && !Object.hasOwn(chip.sources, inner as string))
        throw refused(
          `there is no source "${inner as string}"`,
          locate(at),
          `Sources are ${Object.keys(chip.sources).join(", ")}.`,
        );
      visit(inner, at);
    }
  };
  const { sources: _, ...figures } = chip;
  visit(figures, []);
}

function explained(issue: z.core.$ZodIssue, value: unknown, locate: (path: Path) => string): ReflexarcError {
  const path = issue.path as (string | number)[];
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const near = nearestName(key, knownKeys());
    return refused(`unknown key "${key}"`, locate([...path, key]), near && `Did you mean "${near}"?`);
  }
  const given = path.reduce<unknown>(
    (at, key) => (at as Record<string | number, unknown> | undefined)?.[key],
    value,
  );
  if (given === undefined && path.length > 0)
    return refused(
      `"${path.join(".")}" is missing`,
      locate(path),
      "See `reflexarc net chip loihi` for a whole document.",
    );
  return refused(issue.message.replace(/^(Invalid input|Too small|Too big): /, ""), locate(path));
}

function knownKeys(): string[] {
  const parts = [chipDocument, coreKind, mesh, synapses, limits, timing, energyPj, timeNs, constant];
  return parts.flatMap(({ shape }) => Object.keys(shape));
}
