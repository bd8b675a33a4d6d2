/** Holds the house: who imports whom, where the world is touched, what an open set must have. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { drivers } from "../drivers/index.ts";
import { stages } from "../src/catalog.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Files that belong to the project, below the given folders, as paths with `/`. */
function filesBelow(...folders: string[]): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? walk(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
    );
  return folders.flatMap(walk).filter((file) => file.endsWith(".ts"));
}

const sources = filesBelow("src", "drivers");
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

interface Import {
  readonly from: string;
  /** A file of ours, or the name of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const statements = textOf(file).matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?from\s+"([^"]+)";/gms);
  const dynamic = textOf(file).matchAll(/\bimport\(\s*()"([^"]+)"\s*\)/g);
  return [...statements, ...dynamic].map(([, type, target]) => {
    const to = target!.startsWith(".")
      ? relative(root, resolve(root, dirname(file), target!))
          .split(sep)
          .join("/")
      : target!;
    return { from: file, to, typeOnly: type !== undefined };
  });
}

/** The room of a file: the folder below `src/`, the file itself on the ground, or `drivers`. */
function roomOf(file: string): string {
  const [top, second] = file.split("/");
  return top === "src" ? second! : top!;
}

/** Which rooms a room may import, besides itself. */
const ground = ["errors.ts", "events", "clock.ts", "random.ts", "wasm-module.ts", "yaml.ts"];
const second = [...ground, "chips", "formats", "network", "pictures", "safety", "room-kernels.ts"];
const third = [...second, "mapping", "stage.ts"];
const mayImport: Record<string, readonly string[]> = {
  "errors.ts": [],
  events: ["errors.ts"],
  "clock.ts": [],
  "random.ts": [],
  "wasm-module.ts": [],
  "yaml.ts": ["errors.ts"],
  chips: ground,
  formats: ground,
  network: ground,
  pictures: ground,
  safety: ground,
  "room-kernels.ts": ground,
  mapping: [...ground, "chips", "network"],
  "stage.ts": [...ground, "safety"],
  filters: third,
  encoders: third,
  core: third,
  readouts: third,
  learning: [...third, "core"],
  solvers: [...ground, "network", "core"],
  wake: [...third, "core"],
  pipeline: third,
  drivers: third,
  "catalog.ts": [...third, "filters", "encoders", "core", "readouts", "wake"],
  "library.ts": [...third, "pipeline"],
  "index.ts": [
    ...[...third, "filters", "encoders", "core", "readouts", "learning", "wake"],
    ...["pipeline", "library.ts", "drivers"],
  ],
  cli: [...third, "core", "learning", "solvers", "wake", "catalog.ts", "pipeline", "drivers"],
};

describe("who imports whom", () => {
  const imports = sources.flatMap(importsOf);

  test("the test saw the house", () => {
    expect(sources.length).toBeGreaterThan(60);
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.some(({ from, to }) => from === "src/cli/main.ts" && to === "src/cli/run.ts")).toBe(true);
  });

  test("every room keeps to the table of ARCHITECTURE.md", () => {
    const wrong = imports.flatMap(({ from, to }) => {
      if (!/^(src|drivers)\//.test(to)) return [];
      const [room, target] = [roomOf(from), roomOf(to)];
      return room === target || mayImport[room]?.includes(target) ? [] : [`${from} -> ${to}`];
    });
    expect(wrong).toEqual([]);
  });

  test("no file imports itself by a round-about way", () => {
    const next = new Map(
      sources.map((file) => [file, importsOf(file).flatMap(({ to, typeOnly }) => (typeOnly ? [] : [to]))]),
    );
    const circle = (file: string, path: readonly string[]): string | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(" -> ");
      for (const to of next.get(file) ?? []) {
        const found = circle(to, [...path, file]);
        if (found) return found;
      }
      next.set(file, []);
      return undefined;
    };
    expect(sources.map((file) => circle(file, [])).filter(Boolean)).toEqual([]);
  });

  test("src/ touches no file, socket or process but in cli/", () => {
    const world = /^node:(?!path$|zlib$)/;
    const pure = imports.filter(({ from }) => from.startsWith("src/") && !from.startsWith("src/cli/"));
    expect(pure.filter(({ to }) => world.test(to) || ["serialport", "mqtt", "aedes"].includes(to))).toEqual(
      [],
    );
  });

  test("only clock.ts knows the time, only random.ts what is random", () => {
    const forbidden = /\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate|Math\.random)\b/;
    const allowed = ["src/clock.ts"];
    const pure = sources.filter((file) => file.startsWith("src/") && !allowed.includes(file));
    expect(pure.filter((file) => forbidden.test(textOf(file)))).toEqual([]);
  });

  test("only the guard makes a SafeCommand", () => {
    expect(sources.filter((file) => /\bas SafeCommand\b/.test(textOf(file)))).toEqual([
      "src/safety/guard.ts",
    ]);
  });
});

describe("open sets", () => {
  const members = [
    ...["filters", "encoders", "readouts", "wake/detectors"].flatMap((room) => membersOf(`src/${room}`)),
    ...membersOf("drivers"),
    ...membersOf("src/formats"),
  ];

  /** Files that define a member: those with a default export of a definition. */
  function membersOf(folder: string): { file: string; name: string; test: string }[] {
    const files = readdirSync(join(root, folder)).filter(
      (file) => file.endsWith(".ts") && file !== "index.ts",
    );
    return files.flatMap((file) => {
      const isMember =
        /^export default /m.test(textOf(`${folder}/${file}`)) ||
        /^export const \w+: Format\b/m.test(textOf(`${folder}/${file}`));
      const name = file.replace(/\.ts$/, "");
      return isMember
        ? [{ file: `${folder}/${file}`, name, test: `test/${folder.replace("src/", "")}/${name}.test.ts` }]
        : [];
    });
  }

  test("each member has a test of its name", () => {
    expect(members.length).toBeGreaterThan(15);
    expect(members.filter(({ test }) => !existsSync(join(root, test))).map(({ test }) => test)).toEqual([]);
  });

  test("each member is in its index", () => {
    const missing = members.filter(
      ({ file, name }) => !textOf(`${dirname(file)}/index.ts`).includes(`"./${name}.ts"`),
    );
    expect(missing).toEqual([]);
  });

  test("a registered name is its file's name", () => {
    const files = new Set(sources.map((file) => file.split("/").at(-1)!.replace(/\.ts$/, "")));
    expect([...stages, ...drivers].map(({ name }) => name).filter((name) => !files.has(name))).toEqual([]);
  });
});

describe("habits", () => {
  const tests = filesBelow("test");

  test("no test is skipped or alone", () => {
    expect(tests.length).toBeGreaterThan(20);
    const marks = new RegExp(`\\b(test|it|describe)\\.(${["skip", "only", "todo"].join("|")})\\b`);
    expect(tests.filter((file) => marks.test(textOf(file)))).toEqual([]);
  });

  test("each file opens with a sentence on its purpose", () => {
    const silent = [...sources, ...filesBelow("test/support")].filter(
      (file) => !/^(#!.*\n)?\/\*\*/.test(textOf(file)),
    );
    expect(silent).toEqual([]);
  });

  test("every file and folder that ARCHITECTURE.md names exists", () => {
    const named = [
      ...readFileSync(join(root, "ARCHITECTURE.md"), "utf8").matchAll(
        /`((?:src|drivers|test|pipelines|recordings|\.ci)\/[\w./-]*)`/g,
      ),
    ];
    expect(named.length).toBeGreaterThan(10);
    expect(named.map(([, path]) => path!).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("the lock file has what every platform needs", () => {
    // npm leaves optional packages of other platforms out of a lock that it writes beside an installed tree;
    // `npm ci` then fails in a fresh clone.
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const names = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, "")));
    const wanted = Object.values(lock.packages).flatMap((entry) =>
      Object.keys(entry.optionalDependencies ?? {}),
    );
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
  });

  test("no download address and no path of a developer's machine is tracked", () => {
    if (!existsSync(join(root, ".git"))) return;
    const lock = readFileSync(join(root, "package-lock.json"), "utf8");
    expect(lock).not.toMatch(/"resolved": "http/);
    const tracked = execFileSync("git", ["ls-files", "src", "drivers", "test", "pipelines", "recordings"], {
      cwd: root,
      encoding: "utf8",
    });
    const texts = tracked
      .split("\n")
      .filter((file) => /\.(ts|mjs|ya?ml|json|md)$/.test(file) && existsSync(join(root, file)));
    expect(texts.length).toBeGreaterThan(60);
    expect(texts.filter((file) => /(^|["'\s(])\/(home|work|root|Users)\//m.test(textOf(file)))).toEqual([]);
  });
});
