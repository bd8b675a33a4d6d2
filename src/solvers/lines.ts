/** Text files of numbers, line by line: whatever is not as its format has it is an error with its line. */

import { ReflexarcError } from "../errors.ts";

/** Bounds of an instance: whoever is above one is told so. */
export const instanceBounds = { variables: 1 << 16, couplings: 1 << 22, cities: 32 } as const;

/** What is wrong with an instance, and where. */
export function refused(what: string, where: string, remedy?: string): ReflexarcError {
  return new ReflexarcError({ kind: "input", room: "solve", what, where, ...(remedy && { remedy }) });
}

export interface Line {
  readonly words: readonly string[];
  /** `file:line`, for errors. */
  readonly where: string;
}

/** Lines with at least one word; a line that `comment` matches is none. */
export function linesOf(text: string, file: string, comment = /^#/): Line[] {
  return text.split(/\r?\n/).flatMap((line, k) => {
    const trimmed = line.trim();
    return trimmed === "" || comment.test(trimmed)
      ? []
      : [{ words: trimmed.split(/\s+/), where: `${file}:${k + 1}` }];
  });
}

/** A finite number. Throws a ReflexarcError. */
export function numberIn({ words, where }: Line, place: number, name: string): number {
  const word = words[place];
  if (word === undefined) throw refused(`the ${name} is missing`, where);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(word) || !Number.isFinite(Number(word)))
    throw refused(`the ${name} "${word}" is not a finite number`, where);
  return Number(word);
}

/** A whole number from `least` to `most`. Throws a ReflexarcError. */
export function wholeIn(line: Line, place: number, name: string, least: number, most: number): number {
  const value = numberIn(line, place, name);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw refused(
    `the ${name} is ${line.words[place]}, not a whole number from ${least} to ${most}`,
    line.where,
  );
}

/** Throws a ReflexarcError unless the line has so many words. */
export function exactly(line: Line, count: number, form: string): void {
  if (line.words.length !== count)
    throw refused(`"${line.words.join(" ").slice(0, 60)}" is not "${form}"`, line.where);
}
