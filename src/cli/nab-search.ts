/** `reflexarc evaluate --nab --search`: settings chosen on half of the series, and what they are worth on the other half. */

import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import { seededRandom, seedFor } from "../random.ts";
import { readYaml } from "../yaml.ts";
import { partsOf, scoredBy } from "./nab.ts";
import { readNabFolder } from "./nab-folder.ts";
import { bestScore, profiles, type ScoredSeries, scoreAt } from "./nab-score.ts";
import { openDocument } from "./world.ts";

export interface NabSearchOptions {
  readonly nab: string;
  readonly set: readonly string[];
  /** The document of settings. */
  readonly search: string;
  /** Random cuts in halves, beside the one by turns. */
  readonly cuts: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** One point of the grid. */
export interface Setting {
  /** What was taken of each list: its value, or where several options change together, its place. */
  readonly label: string;
  /** As `--set` has them. */
  readonly overrides: readonly string[];
}

/** What was chosen on one half. Scores by profile, each at the threshold that the half chose for it. */
interface Choice {
  readonly setting: Setting;
  readonly own: readonly number[];
  readonly other: readonly number[];
}

const settingsMax = 1000;

/**
 * Every combination of a document's alternatives. It maps names to lists; a name is an option, `stage.key`, and its list has values
 * of it; or any name, and its list has maps of several options that change together. Throws a ReflexarcError that names the line.
 */
export function readGrid(path: string): Setting[] {
  const yaml = readYaml(readTextFile(path, "evaluate"), path, "evaluate");
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const refuse = (what: string, at: readonly (string | number)[]) =>
    new ReflexarcError({
      kind: "usage",
      room: "evaluate",
      what,
      where: yaml.whereIs(at),
      remedy: "Write stage.key: [value, value], or name: [{ stage.key: value }, { stage.key: value }].",
    });
  if (!isMap(yaml.value) || Object.keys(yaml.value).length === 0) throw refuse("it names no settings", []);
  let grid: Setting[] = [{ label: "", overrides: [] }];
  for (const [name, alternatives] of Object.entries(yaml.value)) {
    if (!Array.isArray(alternatives) || alternatives.length === 0)
      throw refuse(`${name} is no list of alternatives`, [name]);
    const taken = alternatives.map((alternative: unknown, k): Setting => {
      const options = isMap(alternative) ? Object.entries(alternative) : [[name, alternative] as const];
      const bad = options.find(([key]) => !key.includes("."));
      if (bad) throw refuse(`${bad[0]} is no option of a stage`, [name, k]);
      const overrides = options.map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      return { label: isMap(alternative) ? `${name} ${k + 1}` : overrides.join(), overrides };
    });
    grid = grid.flatMap((before) =>
      taken.map(({ label, overrides }) => ({
        label: before.label === "" ? label : `${before.label}, ${label}`,
        overrides: [...before.overrides, ...overrides],
      })),
    );
    if (grid.length > settingsMax) throw refuse(`there are more than ${settingsMax} settings in all`, [name]);
  }
  return grid;
}

/** Throws a ReflexarcError before any run for a setting that the document can't have. */
export async function searchNab(document: string, options: NabSearchOptions): Promise<void> {
  const grid = readGrid(options.search);
  const complete = grid.map((setting) => {
    const { detector } = partsOf(
      openDocument(document, [...options.set, ...setting.overrides]).plan,
      document,
    );
    return [...options.set, ...setting.overrides, `${detector.id}.threshold=0`];
  });
  const corpus = readNabFolder(options.nab);
  const scored: ScoredSeries[][] = [];
  for (const set of complete)
    scored.push(
      await scoredBy(
        document,
        set,
        corpus,
        (done) => `setting ${scored.length + 1} of ${grid.length}: ${done} of ${corpus.length} series`,
      ),
    );
  const turns = corpus.map((_, k) => k % 2 === 0);
  const random = Array.from({ length: options.cuts }, (_, k) => randomHalf(corpus.length, options.seed, k));
  const told = {
    ...{ document, search: options.search, settings: grid.length, series: corpus.length, seed: options.seed },
    profiles: profiles.map(({ name }) => name),
    halves: choicesOf(grid, scored, turns),
    randomHalves: random.flatMap((half) => choicesOf(grid, scored, half)),
    /** Chosen on all series: what it is worth on others is what the halves tell. */
    all: chosenOn(
      grid,
      scored,
      corpus.map(() => true),
    ),
  };
  process.stdout.write(options.json ? `${JSON.stringify(told, null, 2)}\n` : linesOf(told));
}

function randomHalf(series: number, seed: number, cut: number): boolean[] {
  const random = seededRandom(seedFor(seed, `cut ${cut}`));
  const order = Array.from({ length: series }, (_, k) => [random(), k] as const).sort(([a], [b]) => a - b);
  const half = new Set(order.slice(0, Math.ceil(series / 2)).map(([, k]) => k));
  return Array.from({ length: series }, (_, k) => half.has(k));
}

/** Both ways. */
function choicesOf(
  grid: readonly Setting[],
  scored: readonly ScoredSeries[][],
  half: readonly boolean[],
): [Choice, Choice] {
  return [
    chosenOn(grid, scored, half),
    chosenOn(
      grid,
      scored,
      half.map((isIn) => !isIn),
    ),
  ];
}

/** The setting with the highest score of the first profile on the series that are in; of equals the first. */
export function chosenOn(
  grid: readonly Setting[],
  scored: readonly (readonly ScoredSeries[])[],
  isIn: readonly boolean[],
): Choice {
  const part = (setting: number, wanted: boolean) => scored[setting]!.filter((_, k) => isIn[k] === wanted);
  let [chosen, highest] = [0, Number.NEGATIVE_INFINITY];
  for (const setting of grid.keys()) {
    const { score } = bestScore(part(setting, true), profiles[0]!);
    if (score > highest) [chosen, highest] = [setting, score];
  }
  const best = profiles.map((profile) => bestScore(part(chosen, true), profile));
  return {
    setting: grid[chosen]!,
    own: best.map(({ score }) => score),
    other: profiles.map((profile, p) => scoreAt(part(chosen, false), profile, best[p]!.threshold).score),
  };
}

interface Told {
  readonly document: string;
  readonly settings: number;
  readonly series: number;
  readonly profiles: readonly string[];
  readonly halves: readonly [Choice, Choice];
  readonly randomHalves: readonly Choice[];
  readonly all: Choice;
}

function linesOf(told: Told): string {
  const { document, settings, series, halves, randomHalves, all } = told;
  const row = (name: string, cells: readonly (string | number)[]) =>
    `  ${name.padEnd(52)}${cells.map((cell) => (typeof cell === "number" ? cell.toFixed(2) : cell).padStart(10)).join("")}`;
  const lines = [`${document}: ${settings} settings on ${series} series`, row("", told.profiles)];
  for (const [k, { setting, own, other }] of halves.entries()) {
    lines.push(row(`chosen on the ${k === 0 ? "1st, 3rd" : "2nd, 4th"} ... series: there`, own));
    lines.push(row("  and on the others", other), `    ${setting.label}`);
  }
  if (randomHalves.length > 0) {
    const mean = (of: (choice: Choice) => readonly number[]) =>
      told.profiles.map(
        (_, p) => randomHalves.reduce((sum, choice) => sum + of(choice)[p]!, 0) / randomHalves.length,
      );
    const lowest = told.profiles.map((_, p) => Math.min(...randomHalves.map(({ other }) => other[p]!)));
    lines.push(
      row(
        `chosen on ${randomHalves.length} random halves: there, in the mean`,
        mean(({ own }) => own),
      ),
    );
    lines.push(
      row(
        "  and on the others, in the mean",
        mean(({ other }) => other),
      ),
    );
    lines.push(row("  and on the others, at the lowest", lowest));
  }
  lines.push(row("chosen on all series, which is no measure of it", all.own), `    ${all.setting.label}`);
  return `${lines.join("\n")}\n`;
}
