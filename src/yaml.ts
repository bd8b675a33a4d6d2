/** Reads YAML that a user wrote, within bounds, remembers on which line each thing stands, and puts numbers into it. */

import { isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { ReflexarcError } from "./errors.ts";

/** A document is refused above these. The parser's time grows with the square of the nesting: 100 kB of `[` take 8.5 s. */
export const yamlBytesMax = 4 << 20;
const flowDepthMax = 32;

export type Path = readonly (string | number)[];

export interface YamlText {
  readonly value: unknown;
  /** `name:line` of what stands at a path, or of its nearest parent. */
  whereIs(path: Path): string;
  /** `name:line` of a key itself, when it has one at that path. */
  whereIsKey(path: Path, key: string): string;
}

/** Parses one YAML (or JSON) text. Throws a ReflexarcError of kind usage that names the line. */
export function readYaml(text: string, name: string, room: string): YamlText {
  const refuse = (what: string, where: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room, what, where, remedy });
  if (text.length > yamlBytesMax)
    throw refuse(
      `the document has ${text.length} characters, at most ${yamlBytesMax} are read`,
      name,
      "Put large tables into a file of their own.",
    );
  const deepLine = tooDeepLine(text);
  if (deepLine > 0)
    throw refuse(
      `brackets or dashes are nested deeper than ${flowDepthMax}`,
      `${name}:${deepLine}`,
      "Flatten the document.",
    );

  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const what = error.message
      .split("\n")[0]!
      .replace(/ at line \d+.*$/, "")
      .replace(/[.:]$/, "");
    throw refuse(
      `this is not valid YAML: ${what}`,
      `${name}:${lines.linePos(error.pos[0]).line}`,
      "Check the indentation, quotes and brackets there.",
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw refuse(
      `aliases can't be resolved: ${(cause as Error).message}`,
      name,
      "Write the repeated parts out.",
    );
  }

  const nodeAt = (path: Path) => {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node;
    }
    return undefined;
  };
  const whereIs = (path: Path) => {
    const node = nodeAt(path);
    return node?.range ? `${name}:${lines.linePos(node.range[0]).line}` : name;
  };
  return {
    value,
    whereIs,
    whereIsKey(path, key) {
      const map = path.length === 0 ? document.contents : document.getIn(path, true);
      const pair = isMap(map)
        ? map.items.find((item) => isNode(item.key) && String(item.key) === key)
        : undefined;
      const range = isNode(pair?.key) ? pair.key.range : undefined;
      return range ? `${name}:${lines.linePos(range[0]).line}` : whereIs(path);
    },
  };
}

/** Line on which flow brackets, or dashes of one line, nest too deep; 0 when none do. Brackets in quotes count too: 32 are plenty. */
function tooDeepLine(text: string): number {
  let depth = 0;
  let dashes = 0;
  let line = 1;
  let atStart = true;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\n") {
      line += 1;
      dashes = 0;
      atStart = true;
    } else if (char === "[" || char === "{") depth += 1;
    else if (char === "]" || char === "}") depth = Math.max(0, depth - 1);
    else if (atStart && (char === "-" || char === "?")) dashes += 1;
    else if (char !== " ") atStart = false;
    if (depth > flowDepthMax || dashes > flowDepthMax) return line;
  }
  return 0;
}

/** Where numbers are put: the map with `id` at `at`, whose `limits` they are. */
export interface NumbersPlace {
  readonly name: string;
  readonly at: Path;
  readonly id: string;
}

/**
 * Sets numbers in the `limits` of a map, and leaves every other character as it is: comments, spaces, order. Throws a
 * usage error when the document has another thing there (it was changed meanwhile), or an alias, which stands elsewhere.
 */
export function setNumbers(
  text: string,
  place: NumbersPlace,
  values: Readonly<Record<string, number>>,
): string {
  const { value, whereIs } = readYaml(text, place.name, "document");
  const document = parseDocument(text);
  const refuse = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: "document", what, where: whereIs(place.at), remedy });
  if (document.getIn([...place.at, "id"]) !== place.id)
    throw refuse(`"${place.id}" does not stand here any more`, "Calibrate again: the document was changed.");
  const map = document.getIn([...place.at, "limits"], true);
  const last = isMap(map) ? map.items.at(-1) : undefined;
  if (!isMap(map) || !last) throw refuse("the limits are not written out here", "Write them out as a map.");
  const edits = Object.entries(values).map(([key, number]) => {
    const pair = map.items.find((item) => isNode(item.key) && String(item.key) === key);
    if (isScalar(pair?.value))
      return { from: pair.value.range![0], to: pair.value.range![1], text: String(number) };
    if (pair) throw refuse(`"${key}" is no plain number`, "Write it out.");
    const [, end] = (last.value as Node).range!;
    if (map.flow) return { from: end, to: end, text: `, ${key}: ${number}` };
    const lineEnd = text.indexOf("\n", end) < 0 ? text.length : text.indexOf("\n", end);
    const keyAt = (last.key as Node).range![0];
    const indent = " ".repeat(keyAt - (text.lastIndexOf("\n", keyAt) + 1));
    return { from: lineEnd, to: lineEnd, text: `\n${indent}${key}: ${number}` };
  });
  let changed = text;
  // From the back; of those at one place the last first, so that they come to stand in their order.
  for (const { from, to, text: put } of edits.reverse().sort((a, b) => b.from - a.from))
    changed = changed.slice(0, from) + put + changed.slice(to);
  const before = limitsAt(value, place.at);
  const after = limitsAt(readYaml(changed, place.name, "document").value, place.at);
  const sorted = (limits: object) => JSON.stringify(Object.entries(limits).sort());
  if (sorted({ ...before, ...values }) !== sorted(after))
    throw refuse(
      "the limits can't be changed here without harm",
      `Write them yourself: ${JSON.stringify(values)}.`,
    );
  return changed;
}

function limitsAt(value: unknown, path: Path): object {
  const inside = (inner: unknown, key: string | number) => (inner as Record<string | number, unknown>)[key];
  return [...path, "limits"].reduce(inside, value) as object;
}
