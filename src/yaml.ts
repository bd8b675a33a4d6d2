/** Reads YAML that a user wrote, within bounds, and remembers on which line each thing stands. */

import { isMap, isNode, LineCounter, parseDocument } from "yaml";
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
