/**
 * The second spelling of a pipeline document: words of a command line.
 *
 *     input recording x.aedat4 filter crop --roi 10,10,64x64 output file y.raw --format evt3 output view z.png
 *
 * Everything comes from the catalog's schemas: an option is the kebab-case of its name, words without a name fill the
 * options that must be given, in order. No stage has code here.
 */

import type { z } from "zod";
import { type ErrorDetail, nearestName, ReflexarcError } from "../errors.ts";
import { guardOptions } from "../safety/limits.ts";
import type { Definition } from "../stage.ts";
import { type Path, readYaml, type YamlText } from "../yaml.ts";
import type { Catalog } from "./document.ts";

/** What a word begins, and which definitions may follow it. */
const kinds = new Map<string, readonly Definition["kind"][]>([
  ["input", ["sensor"]],
  ["filter", ["stage"]],
  ["output", ["sink", "actuator"]],
]);
/** `input file` and `output file` are two definitions of a document. */
const inputNames = new Map([["file", "recording"]]);

export interface PipelineWords {
  /** As a document that was read from YAML. */
  readonly document: YamlText;
  /** Options of the command itself, by name without dashes; true for one without a value. */
  readonly settings: Readonly<Record<string, string | true>>;
}

export interface WordsChoice {
  /** Options that aren't a stage's: whether each takes a value. A stage's option of the same name goes first. */
  readonly settings: Readonly<Record<string, "value" | "flag">>;
}

/** Reads the words of a pipeline. Throws a ReflexarcError of kind usage with every mistake. */
export function readWords(words: readonly string[], catalog: Catalog, choice: WordsChoice): PipelineWords {
  const reader = new WordsReader(words, catalog, choice);
  reader.read();
  const [first, ...also] = reader.mistakes;
  if (first) throw new ReflexarcError({ ...first, also });
  const { stages, settings, places } = reader;
  const whereIs = (path: Path) => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(path.slice(0, length).join("/"));
      if (place) return place;
    }
    return "command line";
  };
  return {
    document: { value: { stages }, whereIs, whereIsKey: (path, key) => whereIs([...path, key]) },
    settings,
  };
}

/** One stage as `name,key=value,key=value`, in the words of a pipeline: a comma parts what is followed by a `key=`. */
export function wordsOfStage(text: string): string[] {
  const [name = "", ...options] = text.split(/,(?=[\w-]+=)/);
  return [
    name,
    ...options.map(
      (option) => `--${kebab(option.slice(0, option.indexOf("=")))}${option.slice(option.indexOf("="))}`,
    ),
  ];
}

type Shape = Readonly<Record<string, z.ZodType>>;
type Stage = { id: string; use: string; from?: string | string[] } & Record<string, unknown>;

class WordsReader {
  readonly stages: Stage[] = [];
  readonly settings: Record<string, string | true> = {};
  readonly mistakes: ErrorDetail[] = [];
  /** Which words each part of the document comes from, by its path. */
  readonly places = new Map<string, string>();
  private readonly words: readonly string[];
  private readonly catalog: Catalog;
  private readonly choice: WordsChoice;
  private at = 0;
  /** Where the next stage takes from, and where it would without a word about it. */
  private from: string[] = [];
  private above: string | undefined;
  private lastKind = "";

  constructor(words: readonly string[], catalog: Catalog, choice: WordsChoice) {
    this.words = words;
    this.catalog = catalog;
    this.choice = choice;
  }

  read(): void {
    while (this.at < this.words.length) {
      const word = this.words[this.at++]!;
      if (kinds.has(word)) this.stage(word);
      else if (!word.startsWith("--") || !this.setting(word))
        this.mistake(word, `"${word}" stands where a stage begins`, "Begin with input, filter or output.");
    }
    if (this.stages.length === 0 && this.mistakes.length === 0)
      this.mistake("command line", "there is no stage", "Begin with `input file x.aedat4`.");
  }

  private stage(kind: string): void {
    const called = this.words[this.at] ?? "";
    const name = (kind === "input" && inputNames.get(called)) || called;
    const definition = this.catalog.get(name);
    const fitting = [...this.catalog.values()].filter((one) => kinds.get(kind)!.includes(one.kind));
    if (!definition || !kinds.get(kind)!.includes(definition.kind)) {
      const names = [...(kind === "input" ? inputNames.keys() : []), ...fitting.map((one) => one.name)];
      this.mistake(
        `${kind} ${called}`.trim(),
        `there is no ${kind} called "${called}"`,
        suggestion(called, names),
      );
      while (this.at < this.words.length && !kinds.has(this.words[this.at]!)) this.at += 1;
      return;
    }
    this.at += 1;
    const stage = this.begin(kind, definition);
    this.places.set(`stages/${this.stages.length - 1}`, `${kind} ${called}`);
    this.options(definition, stage, `${kind} ${called}`);
  }

  /** Gives a stage its id and its place: inputs beside each other are merged, outputs beside each other share. */
  private begin(kind: string, definition: Definition): Stage {
    const same = this.stages.filter(({ use }) => use === definition.name).length;
    const id = same === 0 ? definition.name : `${definition.name}-${same + 1}`;
    const stage: Stage = { id, use: definition.name };
    if (kind === "input") this.from = this.lastKind === "input" ? [...this.from, id] : [id];
    else if (this.from.length > 1) stage.from = this.from;
    else if (this.from[0] !== undefined && this.from[0] !== this.above) stage.from = this.from[0];
    if (kind === "filter") this.from = [id];
    if (definition.kind !== "sink") this.above = id;
    this.lastKind = kind;
    this.stages.push(stage);
    return stage;
  }

  private options(definition: Definition, stage: Stage, where: string): void {
    const shape: Shape = {
      ...(definition.options.shape as Record<string, z.ZodType>),
      ...(definition.kind === "actuator" ? guardOptions : {}),
    };
    const index = this.stages.length - 1;
    const unnamed = Object.keys(shape).filter((key) => !shape[key]!.safeParse(undefined).success);
    const put = (key: string, value: unknown, place: string) => {
      stage[key] = value;
      this.places.set(`stages/${index}/${key}`, place);
    };
    while (this.at < this.words.length && !kinds.has(this.words[this.at]!)) {
      const word = this.words[this.at++]!;
      if (!word.startsWith("--")) {
        const key = unnamed.find((one) => !(one in stage));
        if (key) put(key, readingOf(word, shape[key]!, key), where);
        else this.mistake(where, `"${word}" is a word too many for ${definition.name}`, allowed(shape));
        continue;
      }
      const [, name = "", given] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const place = `${where} --${name}`;
      const key = keyOf(name, shape);
      if (key !== undefined) {
        const schema = shape[key]!;
        const isFlag = given === undefined && schema.safeParse(true).success;
        const value = isFlag ? true : readingOf(given ?? this.value(place), schema, key);
        put(key, value, place);
      } else if (name === "roi" && regionKeys.every((one) => one in shape)) {
        const region = regionOf(given ?? this.value(place));
        if (region) for (const one of regionKeys) put(one, region[one], place);
        else this.mistake(place, "this is no region", "Write x,y,WIDTHxHEIGHT, such as 10,10,64x64.");
      } else if (/^no-/.test(name) && shape[keyOf(name.slice(3), shape) ?? ""]?.safeParse(false).success)
        put(keyOf(name.slice(3), shape)!, false, place);
      else if (!this.setting(word)) this.unknown(definition, place, name, shape);
    }
  }

  /** An option that there isn't, with the word after it that seems to be its value. */
  private unknown(definition: Definition, place: string, name: string, shape: Shape): void {
    this.mistake(place, `${definition.name} has no option "--${name}"`, allowed(shape, name));
    const next = this.words[this.at];
    if (next !== undefined && !next.startsWith("--") && !kinds.has(next)) this.at += 1;
  }

  /** Takes an option of the command itself; false when it is none. */
  private setting(word: string): boolean {
    const [, name = "", given] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const takes = Object.hasOwn(this.choice.settings, name) ? this.choice.settings[name] : undefined;
    if (takes === undefined) return false;
    this.settings[name] = takes === "flag" ? true : (given ?? this.value(`--${name}`));
    return true;
  }

  /** The word after an option. */
  private value(place: string): string {
    const word = this.words[this.at];
    if (word === undefined || word.startsWith("--") || kinds.has(word)) {
      this.mistake(place, "a value is missing", "Write it after the option, or as --option=value.");
      return "";
    }
    this.at += 1;
    return word;
  }

  private mistake(where: string, what: string, remedy: string): void {
    this.mistakes.push({ kind: "usage", room: "pipe", what, where, remedy });
  }
}

const regionKeys = ["x", "y", "width", "height"] as const;

function regionOf(text: string): Record<(typeof regionKeys)[number], number> | undefined {
  const [, x, y, width, height] = /^(\d+),(\d+),(\d+)x(\d+)$/.exec(text) ?? [];
  return height === undefined
    ? undefined
    : { x: Number(x), y: Number(y), width: Number(width), height: Number(height) };
}

/** Microseconds in each unit that a value may carry, and in each that the name of an option may end in. */
const unitsUs: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 };

/** Microseconds of a time as it is written: 2s, 250ms; undefined where it is none. */
export function microsecondsOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(us|ms|s|min|h)$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(amount) * unitsUs[unit]!;
}

function unitOf(key: string): number | undefined {
  const [, unit] = /(Us|Ms|S)$/.exec(key) ?? [];
  return unit === undefined ? undefined : unitsUs[unit.toLowerCase()];
}

/** The option of a name: its kebab-case, with or without the unit of time that it ends in. */
function keyOf(name: string, shape: Shape): string | undefined {
  const keys = Object.keys(shape);
  return (
    keys.find((key) => kebab(key) === name) ??
    keys.find((key) => unitOf(key) !== undefined && kebab(key.replace(/(Us|Ms|S)$/, "")) === name)
  );
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What a text means to an option: itself, a number or whatever YAML reads, a time with its unit, a list. */
function readingOf(text: string, schema: z.ZodType, key: string): unknown {
  const us = microsecondsOf(text);
  const perUnit = unitOf(key);
  const yaml = yamlOf(text);
  const readings: unknown[] = [
    ...(us !== undefined && perUnit !== undefined ? [Math.round((us * 1000) / perUnit) / 1000] : []),
    text,
    yaml,
    text.split(",").map(yamlOf),
  ];
  const fitting = readings.find((reading) => schema.safeParse(reading).success);
  return fitting === undefined ? yaml : fitting;
}

function yamlOf(text: string): unknown {
  try {
    return readYaml(text, "command line", "pipe").value;
  } catch {
    return text;
  }
}

function allowed(shape: Shape, near?: string): string {
  const names = Object.keys(shape).map(kebab);
  const nearest = near === undefined ? undefined : nearestName(near, names);
  return `${nearest ? `Did you mean "--${nearest}"? ` : ""}Options: ${names.map((name) => `--${name}`).join(", ") || "none"}.`;
}

function suggestion(word: string, names: readonly string[]): string {
  const nearest = nearestName(word, names);
  return `${nearest ? `Did you mean "${nearest}"? ` : ""}There are: ${names.join(", ")}.`;
}
