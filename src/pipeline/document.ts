/** Reads a pipeline document: YAML text in, a checked plan out, every mistake with its line and its remedy. */

import type { z } from "zod";
import { type ErrorDetail, nearestName, ReflexarcError } from "../errors.ts";
import { type GuardOptions, guardOptions, type Limits, limitsOf, separateGuard } from "../safety/limits.ts";
import type {
  ActuatorDefinition,
  Definition,
  Flow,
  SensorDefinition,
  SinkDefinition,
  StageDefinition,
} from "../stage.ts";
import { type Path, readYaml, type YamlText } from "../yaml.ts";

/** Definitions by name: what a document may `use`. */
export type Catalog = ReadonlyMap<string, Definition>;

export function catalogOf(definitions: readonly Definition[]): Catalog {
  return new Map(definitions.map((definition) => [definition.name, definition]));
}

interface NodeBase {
  readonly id: string;
  /** Position in the document: decides the order of equal times in a trace. */
  readonly index: number;
  /** Ids of the stages whose output comes in. */
  readonly from: readonly string[];
  readonly where: string;
}
export interface SensorNode extends NodeBase {
  readonly kind: "sensor";
  readonly definition: SensorDefinition;
  readonly options: Record<string, unknown>;
}
export interface StageNode extends NodeBase {
  readonly kind: "stage";
  readonly definition: StageDefinition;
  readonly options: Record<string, unknown>;
}
export interface ActuatorNode extends NodeBase {
  readonly kind: "actuator";
  readonly definition: ActuatorDefinition;
  readonly options: Record<string, unknown>;
  readonly guard: GuardOptions;
}
export interface SinkNode extends NodeBase {
  readonly kind: "sink";
  readonly definition: SinkDefinition;
  readonly options: Record<string, unknown>;
}
export type PlanNode = SensorNode | StageNode | ActuatorNode | SinkNode;

/** A document that was checked: every name exists, every chain is legal, every actuator has its limits. */
export interface Plan {
  /** Where it stands, for errors: its file. */
  readonly name: string;
  /** What it is called, a word of letters, digits, - and _; its file's name by default. */
  readonly pipeline: string;
  readonly about: string;
  readonly seed: number;
  /** In an order in which each stage comes after those that feed it. */
  readonly nodes: readonly PlanNode[];
}

export interface DocumentOptions {
  /** `stage.key=value` in order; the value is read as YAML. */
  readonly overrides?: readonly string[];
}

/** Most stages that one document may have. */
export const stagesMax = 256;

const reservedKeys = ["id", "use", "from"];
export const idPattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/**
 * Parses and checks a document. Throws a ReflexarcError of kind usage with every mistake found:
 * the first in its message, the others in `detail.also`.
 */
export function readDocument(
  text: string,
  name: string,
  catalog: Catalog,
  options: DocumentOptions = {},
): Plan {
  return planOf(readYaml(text, name, "document"), name, catalog, options);
}

/** As `readDocument`, of a document that was read already or stands nowhere: `whereIs` says where each part comes from. */
export function planOf(yaml: YamlText, name: string, catalog: Catalog, options: DocumentOptions = {}): Plan {
  const reader = new DocumentReader(yaml, name, catalog, options.overrides ?? []);
  const plan = reader.read();
  const [first, ...also] = reader.mistakes;
  if (first) throw new ReflexarcError({ ...first, also });
  return plan;
}

class DocumentReader {
  readonly mistakes: ErrorDetail[] = [];
  readonly #yaml: YamlText;
  readonly #name: string;
  readonly #catalog: Catalog;
  readonly #overrides: readonly string[];
  /** Paths that `--set` gave, so that an error names the option and not a line. */
  readonly #overridden = new Map<string, string>();

  constructor(yaml: YamlText, name: string, catalog: Catalog, overrides: readonly string[]) {
    this.#yaml = yaml;
    this.#name = name;
    this.#catalog = catalog;
    this.#overrides = overrides;
  }

  read(): Plan {
    const pipeline = wordOf(this.#name);
    const empty: Plan = { name: this.#name, pipeline, about: "", seed: 1, nodes: [] };
    const root = this.#yaml.value;
    if (!isRecord(root)) {
      this.#mistake(
        [],
        "a pipeline document is a map with `about` and `stages`",
        "See pipelines/follow.yaml for one.",
      );
      return empty;
    }
    this.#override(root);
    this.#unknownKeys([], root, ["name", "about", "seed", "stages"]);
    const called = root.name ?? pipeline;
    if (typeof called !== "string" || !idPattern.test(called))
      this.#mistake(
        ["name"],
        "`name` must be a word of letters, digits, - and _",
        "Leave it out for the file's name.",
      );
    const about = root.about ?? "";
    if (typeof about !== "string") this.#mistake(["about"], "`about` must be a text", "Write one sentence.");
    const seed = root.seed ?? 1;
    if (!Number.isSafeInteger(seed))
      this.#mistake(["seed"], "`seed` must be a whole number", "Leave it out for 1.");
    const list = root.stages;
    if (!Array.isArray(list) || list.length === 0) {
      this.#mistake(
        ["stages"],
        "`stages` must be a list with at least one stage",
        "Write `- { id: eye, use: recording, file: ... }`.",
      );
      return empty;
    }
    if (list.length > stagesMax) {
      this.#mistake(["stages"], `${list.length} stages are more than ${stagesMax}`, "Split the document.");
      return empty;
    }
    const nodes = this.#nodes(list);
    if (this.mistakes.length > 0) return empty;
    this.#checkFlows(nodes);
    const ordered = this.#inOrder(nodes);
    return {
      name: this.#name,
      pipeline: String(called),
      about: String(about),
      seed: Number(seed),
      nodes: ordered,
    };
  }

  #nodes(list: readonly unknown[]): PlanNode[] {
    const nodes: PlanNode[] = [];
    const ids = new Set<string>();
    let above: string | undefined;
    for (const [index, stage] of list.entries()) {
      const path: Path = ["stages", index];
      if (!isRecord(stage)) {
        this.#mistake(
          path,
          "a stage is a map with `id` and `use`",
          "Write `- { id: eye, use: recording, file: ... }`.",
        );
        continue;
      }
      const { id, use, from, ...rest } = stage;
      if (typeof id !== "string" || !idPattern.test(id)) {
        this.#mistake(
          [...path, "id"],
          "a stage needs an `id` of letters, digits, - and _",
          "Call it after its part: eye, clean, brain, aim, pan.",
        );
        continue;
      }
      if (ids.has(id))
        this.#mistake([...path, "id"], `two stages are called "${id}"`, "Give one of them another id.");
      ids.add(id);
      const definition = this.#definition([...path, "use"], use);
      const feeds = definition && this.#from(path, id, definition, from, above);
      // What follows a sink takes from where the sink does: several outputs stand below each other.
      if (definition?.kind !== "sink") above = id;
      const node =
        feeds && this.#node(path, { id, index, from: feeds, where: this.#where(path) }, definition, rest);
      if (node) nodes.push(node);
    }
    return nodes;
  }

  #definition(path: Path, use: unknown): Definition | undefined {
    const found = typeof use === "string" ? this.#catalog.get(use) : undefined;
    if (found) return found;
    const names = [...this.#catalog.keys()];
    if (typeof use !== "string") {
      this.#mistake(path, "a stage needs `use`, the name of what it is", `Names: ${names.join(", ")}.`);
    } else {
      this.#mistake(path, `there is no stage called "${use}"`, suggestion(use, names));
    }
    return undefined;
  }

  #from(
    path: Path,
    id: string,
    definition: Definition,
    from: unknown,
    above: string | undefined,
  ): string[] | undefined {
    if (definition.kind === "sensor") {
      if (from === undefined) return [];
      this.#mistake([...path, "from"], `"${id}" is a sensor and takes nothing`, "Remove `from`.");
      return undefined;
    }
    if (from === undefined) {
      if (above !== undefined) return [above];
      this.#mistake(
        path,
        `"${id}" is the first stage and has nothing to take`,
        "Put a sensor above it, or say `from: <id>`.",
      );
      return undefined;
    }
    const feeds = Array.isArray(from) ? from : [from];
    if (feeds.length > 0 && feeds.every((feed) => typeof feed === "string")) return feeds;
    this.#mistake(
      [...path, "from"],
      "`from` is a stage's id, or a list of ids",
      "Write `from: clean` or `from: [left, right]`.",
    );
    return undefined;
  }

  #node(
    path: Path,
    base: NodeBase,
    definition: Definition,
    rest: Record<string, unknown>,
  ): PlanNode | undefined {
    if (definition.kind !== "actuator") {
      const options = this.#options(path, definition.name, definition.options, rest);
      return options && ({ ...base, kind: definition.kind, definition, options } as PlanNode);
    }
    const schema = definition.options.extend(guardOptions).strict();
    const all = this.#options(path, definition.name, schema, rest);
    if (!all) return undefined;
    const { guard, options } = separateGuard(all);
    const limits = limitsOf(guard.limits, base.id);
    const { unit } = limits;
    if (definition.units.includes(unit)) {
      this.#checkReach(path, definition, options, limits);
      return { ...base, kind: "actuator", definition, guard, options };
    }
    this.#mistake(
      [...path, "limits"],
      `${definition.name} takes no commands in ${unit}`,
      `Give its limits in ${definition.units.join(" or ")}.`,
    );
    return undefined;
  }

  /** A driver would cut off what lies beyond: the servo would stand where nobody asked for it. */
  #checkReach(
    path: Path,
    definition: ActuatorDefinition,
    options: Record<string, unknown>,
    { unit, min, max }: Limits,
  ): void {
    const where = [...path, "limits"];
    try {
      const reach = definition.reach?.(options, unit);
      if (!reach) return;
      const slack = 1e-6 * (reach.max - reach.min);
      if (min >= reach.min - slack && max <= reach.max + slack) return;
      const told = (value: number) => Number(value.toFixed(2));
      this.#mistake(
        where,
        `the limits are ${min} to ${max} ${unit}, but ${definition.name} can tell its servo ${told(reach.min)} to ${told(reach.max)} only`,
        `Narrow the limits, or correct ${reach.by}.`,
      );
    } catch (cause) {
      if (!(cause instanceof ReflexarcError)) throw cause;
      const { what, remedy } = cause.detail;
      this.#mistake(where, what, remedy ?? `See \`reflexarc list ${definition.name}\`.`);
    }
  }

  #options(
    path: Path,
    use: string,
    schema: z.ZodObject,
    given: Record<string, unknown>,
  ): Record<string, unknown> | undefined {
    const parsed = schema.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) this.#optionMistake(path, use, schema, given, issue);
    return undefined;
  }

  #optionMistake(
    path: Path,
    use: string,
    schema: z.ZodObject,
    given: unknown,
    issue: z.core.$ZodIssue,
  ): void {
    const at = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
    const shape = objectAt(schema, at);
    if (issue.code === "unrecognized_keys") {
      const allowed = [...(shape ? Object.keys(shape.shape) : []), ...(at.length === 0 ? reservedKeys : [])];
      for (const key of issue.keys) {
        const detail = {
          what: `${use} has no option "${[...at, key].join(".")}"`,
          remedy: suggestion(key, allowed),
        };
        this.#report(this.#whereKey([...path, ...at], key), detail);
      }
      return;
    }
    const name = at.join(".");
    const about = describeOption(schema, at);
    if (valueAt(given, at) === undefined) {
      const remedy = about ? `It is ${about}.` : `See \`reflexarc list ${use}\`.`;
      this.#report(this.#where(path), { what: `${use} needs the option "${name}"`, remedy });
      return;
    }
    const remedy = about ? `"${at.at(-1)}" is ${about}.` : `See \`reflexarc list ${use}\`.`;
    const message = issue.message.replace(/^Invalid input: /, "");
    this.#mistake([...path, ...at], `the option "${name}" of ${use} is wrong: ${message}`, remedy);
  }

  #checkFlows(nodes: readonly PlanNode[]): void {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    for (const node of nodes) {
      const { definition } = node;
      if (node.kind === "sensor") this.#checkActuatorOf(node, nodes);
      if (definition.kind === "sensor") continue;
      if (definition.takes === "samples" && node.from.length > 1)
        this.#report(node.where, {
          what: `"${node.id}" (${definition.name}) takes from ${node.from.length} stages, but samples can't be merged`,
          remedy: "Give each of them an encoder of its own, and merge the spikes.",
        });
      for (const feed of node.from) {
        const source = byId.get(feed);
        if (!source) {
          this.#report(node.where, {
            what: `"${node.id}" takes from "${feed}", which is no stage here`,
            remedy: suggestion(feed, [...byId.keys()]),
          });
        } else if (source.definition.kind === "actuator" || source.definition.kind === "sink") {
          const kind = source.definition.kind === "sink" ? "a sink" : "an actuator";
          this.#report(node.where, {
            what: `"${node.id}" takes from "${feed}", ${kind}, which gives nothing`,
            remedy: `Say from which stage it takes: \`from: <id>\`.`,
          });
        } else if (!fits(source.definition.gives, definition.takes)) {
          const gives = source.definition.gives;
          this.#report(node.where, {
            what: `"${node.id}" (${definition.name}) takes ${definition.takes}, but "${feed}" (${source.definition.name}) gives ${gives}`,
            remedy: this.#bridge(gives, definition.takes),
          });
        } else if (source.kind === "stage" && source.definition.holdsBack) this.#checkHeldBack(node, source);
      }
    }
  }

  /** Events from before their packet's span are for those who know of them, and can't be merged. */
  #checkHeldBack(node: PlanNode, source: StageNode): void {
    const { definition } = node;
    const takes = definition.kind === "sink" || (definition.kind === "stage" && definition.takesHeldBack);
    if (takes && node.from.length === 1) return;
    const able = [...this.#catalog.values()].filter((d) => d.kind === "stage" && d.takesHeldBack);
    this.#report(node.where, {
      what: `"${node.id}" (${definition.name}) can't ${takes ? "merge" : "take"} what "${source.id}" (${source.definition.name}) held back`,
      remedy: `What stands behind it, alone, is one of these: ${able.map(({ name }) => name).join(", ")}.`,
    });
  }

  /** What a sensor reads back or sets must be an actuator; where it reads back, somebody else must say how time goes. */
  #checkActuatorOf(node: SensorNode, nodes: readonly PlanNode[]): void {
    const readBack = node.definition.readsBack?.(node.options);
    const of = readBack?.of ?? node.definition.sets?.(node.options);
    if (of === undefined) return;
    const actuators = nodes.flatMap(({ id, kind }) => (kind === "actuator" ? [id] : []));
    if (!actuators.includes(of))
      this.#report(node.where, {
        what: `"${node.id}" ${readBack ? "reads back" : "sets"} "${of}", which is no actuator here`,
        remedy: suggestion(of, actuators),
      });
    if (readBack && !nodes.some(({ definition }) => definition.kind === "sensor" && !definition.readsBack))
      this.#report(node.where, {
        what: `"${node.id}" only reads back, so nothing says how time goes`,
        remedy: "Give the document a sensor besides it.",
      });
  }

  /** What could stand between two stages that don't fit. */
  #bridge(gives: Flow, takes: Flow | "packets"): string {
    const between = [...this.#catalog.values()].filter(
      (d) => d.kind === "stage" && d.takes === gives && fits(d.gives, takes),
    );
    if (between.length > 0) return `Put one of these between them: ${between.map((d) => d.name).join(", ")}.`;
    if ((gives === "events" || gives === "samples") && takes === "commands")
      return "Put an encoder, a core and a readout between them.";
    return "Put the stages in the order sensor, filters, encoder, core, readout, actuator.";
  }

  /** Topological order; stages keep their order in the document where they can. */
  #inOrder(nodes: readonly PlanNode[]): PlanNode[] {
    const ordered: PlanNode[] = [];
    const done = new Set<string>();
    let waiting = [...nodes];
    while (waiting.length > 0) {
      const ready = waiting.filter((node) =>
        node.from.every((feed) => done.has(feed) || !nodes.some((n) => n.id === feed)),
      );
      if (ready.length === 0) {
        const ids = waiting.map((node) => node.id).join(", ");
        this.#report(waiting[0]!.where, {
          what: `these stages feed each other in a circle: ${ids}`,
          remedy: "Change one `from`; recurrence belongs inside a network.",
        });
        return [];
      }
      for (const node of ready) done.add(node.id);
      ordered.push(...ready);
      waiting = waiting.filter((node) => !done.has(node.id));
    }
    return ordered;
  }

  /** Lays `--set stage.key=value` over the document. */
  #override(root: Record<string, unknown>): void {
    for (const override of this.#overrides) {
      const [, left, right] = /^([^=]+)=(.*)$/s.exec(override) ?? [];
      const keys = left?.trim().split(".") ?? [];
      if (right === undefined || keys.some((key) => key === "" || key === "__proto__")) {
        this.#report(`--set ${override}`, {
          what: "this is not `stage.key=value`",
          remedy: "For example --set eye.file=my.aedat4.",
        });
        continue;
      }
      const value = readYaml(right, `--set ${override}`, "document").value;
      const stages: unknown[] = Array.isArray(root.stages) ? root.stages : [];
      const index = stages.findIndex((stage) => isRecord(stage) && stage.id === keys[0]);
      if (keys.length === 1 && ["name", "seed", "about"].includes(keys[0]!)) root[keys[0]] = value;
      else if (index < 0 || keys.length < 2) {
        const ids = stages.flatMap((stage) =>
          isRecord(stage) && typeof stage.id === "string" ? [stage.id] : [],
        );
        this.#report(`--set ${override}`, {
          what: `there is no stage "${keys[0]}" with that key`,
          remedy: suggestion(keys[0]!, ids),
        });
        continue;
      } else {
        let target = stages[index] as Record<string, unknown>;
        for (const key of keys.slice(1, -1)) {
          if (!isRecord(target[key])) target[key] = {};
          target = target[key] as Record<string, unknown>;
        }
        target[keys.at(-1)!] = value;
      }
      const path = index < 0 ? keys : ["stages", index, ...keys.slice(1)];
      this.#overridden.set(path.join("/"), `--set ${override}`);
    }
  }

  #unknownKeys(path: Path, record: Record<string, unknown>, allowed: readonly string[]): void {
    for (const key of Object.keys(record)) {
      if (!allowed.includes(key))
        this.#report(this.#whereKey(path, key), {
          what: `a document has no key "${key}"`,
          remedy: suggestion(key, allowed),
        });
    }
  }

  #where(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const given = this.#overridden.get(path.slice(0, length).join("/"));
      if (given) return given;
    }
    return this.#yaml.whereIs(path);
  }

  #whereKey(path: Path, key: string): string {
    return this.#overridden.get([...path, key].join("/")) ?? this.#yaml.whereIsKey(path, key);
  }

  #mistake(path: Path, what: string, remedy: string): void {
    this.#report(this.#where(path), { what, remedy });
  }

  #report(where: string, detail: { what: string; remedy: string }): void {
    this.mistakes.push({ kind: "usage", room: "document", where, ...detail });
  }
}

/** A file's name as a word that may stand in a topic. */
function wordOf(path: string): string {
  const file = path.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "");
  const word = file
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, 64);
  return word === "" ? "pipeline" : word;
}

function fits(gives: Flow, takes: Flow | "packets"): boolean {
  return gives === takes || (takes === "packets" && (gives === "events" || gives === "spikes"));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/** The object schema at a path, through optional and default wrappers. */
function objectAt(schema: z.ZodType, path: Path): z.ZodObject | undefined {
  let inner: z.ZodType | undefined = unwrap(schema);
  for (const key of path)
    inner = inner && "shape" in inner ? unwrap((inner as z.ZodObject).shape[key] as z.ZodType) : undefined;
  return inner && "shape" in inner ? (inner as z.ZodObject) : undefined;
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner = schema;
  while (inner && "unwrap" in inner && typeof inner.unwrap === "function")
    inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** An option's own description, without a final full stop. */
function describeOption(schema: z.ZodObject, path: Path): string | undefined {
  const parent = objectAt(schema, path.slice(0, -1));
  const option = parent?.shape[String(path.at(-1))] as z.ZodType | undefined;
  return (option?.description ?? unwrap(option)?.description)?.replace(/\.$/, "");
}

function suggestion(word: string, names: readonly string[]): string {
  const nearest = nearestName(word, names);
  const all = `Allowed: ${names.join(", ")}.`;
  return nearest ? `Did you mean "${nearest}"? ${all}` : all;
}
