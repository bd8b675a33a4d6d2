/** `reflexarc list`: the stages and drivers that a document may use, and the options of each. */

import { z } from "zod";
import { nearestName, ReflexarcError } from "../errors.ts";
import { networkDocument } from "../network/index.ts";
import { documentSchema } from "../pipeline/schema.ts";
import { guardOptions } from "../safety/limits.ts";
import type { Definition } from "../stage.ts";
import { catalog } from "./world.ts";

export interface ListOptions {
  schema?: boolean;
  markdown?: boolean;
  json?: boolean;
}

export async function list(name: string | undefined, options: ListOptions): Promise<void> {
  if (options.schema) {
    const schema =
      name === "network" ? z.toJSONSchema(networkDocument, { io: "input" }) : documentSchema(catalog);
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    return;
  }
  if (options.markdown) {
    process.stdout.write(markdownTable([...catalog.values()]));
    return;
  }
  const chosen = name === undefined ? [...catalog.values()] : [find(name)];
  if (options.json) {
    const told = chosen.map((definition) => ({
      ...flowsOf(definition),
      about: definition.about,
      options: optionsOf(definition),
    }));
    process.stdout.write(JSON.stringify(name === undefined ? told : told[0], null, 2) + "\n");
  } else if (name === undefined) printAll(chosen);
  else printOne(chosen[0]!);
}

function find(name: string): Definition {
  const definition = catalog.get(name);
  if (definition) return definition;
  const near = nearestName(name, [...catalog.keys()]);
  const remedy = `${near ? `Did you mean "${near}"? ` : ""}\`reflexarc list\` shows all.`;
  throw new ReflexarcError({
    kind: "usage",
    room: "list",
    what: `there is no stage or driver "${name}"`,
    remedy,
  });
}

function flowsOf(definition: Definition): {
  name: string;
  kind: string;
  takes: string | null;
  gives: string | null;
} {
  const takes = definition.kind === "sensor" ? null : definition.takes;
  const gives = "gives" in definition ? definition.gives : null;
  return { name: definition.name, kind: definition.kind, takes, gives };
}

/** The catalog as README shows it. */
export function markdownTable(definitions: readonly Definition[]): string {
  const rows = definitions.map((definition) => {
    const { name, takes, gives } = flowsOf(definition);
    return `| \`${name}\` | ${takes ?? ""} | ${gives ?? ""} | ${definition.about} |\n`;
  });
  return ["| name | takes | gives | what it does |\n", "| --- | --- | --- | --- |\n", ...rows].join("");
}

function printAll(definitions: readonly Definition[]): void {
  const width = Math.max(...definitions.map(({ name }) => name.length));
  for (const definition of definitions) {
    const { takes, gives } = flowsOf(definition);
    const flow = `${takes ?? ""} -> ${gives ?? ""}`.trim();
    process.stdout.write(`${definition.name.padEnd(width)}  ${flow.padEnd(18)}  ${definition.about}\n`);
  }
}

function printOne(definition: Definition): void {
  const { takes, gives } = flowsOf(definition);
  process.stdout.write(
    `${definition.name} (${definition.kind}${takes ? `, takes ${takes}` : ""}${gives ? `, gives ${gives}` : ""})\n${definition.about}\n\n`,
  );
  const rows = optionsOf(definition);
  const width = Math.max(0, ...rows.map(({ option }) => option.length));
  const typeWidth = Math.min(24, Math.max(0, ...rows.map(({ type }) => type.length)));
  for (const { option, type, required, default: fallback, about } of rows) {
    const shown = required ? " (required)" : fallback === undefined ? "" : ` [${JSON.stringify(fallback)}]`;
    process.stdout.write(`  ${option.padEnd(width)}  ${type.padEnd(typeWidth)}  ${about}${shown}\n`);
  }
}

export interface OptionRow {
  /** Its name; the keys of a map each have a row of their own, `limits.minDeg`. */
  option: string;
  /** In words: `number > 0`, `text`, `on | off`. */
  type: string;
  about: string;
  required: boolean;
  default?: unknown;
}

type Schema = z.core.JSONSchema.BaseSchema;

/** The options of a definition as rows; an actuator has the guard's as well. */
export function optionsOf(definition: Definition): OptionRow[] {
  const shape = definition.kind === "actuator" ? definition.options.extend(guardOptions) : definition.options;
  return rowsOf(z.toJSONSchema(shape, { io: "input", unrepresentable: "any" }), "");
}

function rowsOf({ properties = {}, required = [] }: Schema, prefix: string): OptionRow[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    if (typeof schema !== "object") return [];
    const { description = "", default: fallback } = schema;
    const row: OptionRow = {
      option: prefix + key,
      type: typeOf(schema),
      about: description,
      required: required.includes(key),
      ...(fallback !== undefined && { default: fallback }),
    };
    return prefix === "" && schema.properties ? [row, ...rowsOf(schema, `${key}.`)] : [row];
  });
}

/** A schema's type in words. */
function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices)
    return [...new Set(choices.map((choice) => (typeof choice === "object" ? typeOf(choice) : "")))].join(
      " or ",
    );
  if (schema.type === "array")
    return `list of ${typeof schema.items === "object" && !Array.isArray(schema.items) ? typeOf(schema.items) : "values"}`;
  if (schema.type === "string") return "text";
  if (schema.type === "boolean") return "true | false";
  if (schema.type === "object") return "map";
  if (schema.type !== "number" && schema.type !== "integer") return "";
  const whole = schema.type === "integer" ? "whole number" : "number";
  const bound = (sign: string, value: unknown) =>
    typeof value !== "number" || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? "" : ` ${sign} ${value}`;
  const low = bound(">", schema.exclusiveMinimum) || bound(">=", schema.minimum);
  const high = bound("<", schema.exclusiveMaximum) || bound("<=", schema.maximum);
  return whole + low + high;
}
