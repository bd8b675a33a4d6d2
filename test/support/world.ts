/** Runs documents in tests: from disk, with a clock that is never late, and with everything that is heard kept. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import dryRun from "../../drivers/dry-run.ts";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { drivers } from "../../drivers/index.ts";
import { stages } from "../../src/catalog.ts";
import { type Clock, virtualClock } from "../../src/clock.ts";
import { type Catalog, catalogOf, readDocument } from "../../src/pipeline/document.ts";
import type { RunEnvironment } from "../../src/pipeline/environment.ts";
import { runPipeline } from "../../src/pipeline/run.ts";
import type { RunSummary } from "../../src/pipeline/summary.ts";
import { anyOptions, type Definition } from "../../src/stage.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const catalog: Catalog = catalogOf([...drivers, ...stages]);

/** The catalog with some definitions put in the place of those of the same name. */
export function catalogWith(...definitions: readonly Definition[]): Catalog {
  return new Map([...catalog, ...definitions.map((definition) => [definition.name, definition] as const)]);
}

/** A clock that jumps to whatever is waited for: recorded time is paced, and never late. */
export function punctualClock(): Clock {
  const clock = virtualClock();
  return {
    ...clock,
    until(timeUs, signal) {
      const reached = clock.until(timeUs, signal);
      clock.advance(timeUs);
      return reached;
    },
  };
}

export interface Ran {
  readonly summary: RunSummary;
  readonly trace: string[];
  readonly notices: string[];
}

export interface RunChoices extends Partial<RunEnvironment> {
  readonly overrides?: readonly string[];
  readonly catalog?: Catalog;
  /** Where relative files of the document are looked for. */
  readonly folder?: string;
  readonly detail?: "digest" | "list";
}

/** Runs a document given as text; as fast as it can, dry, unless told otherwise. */
export async function runText(text: string, choices: RunChoices = {}): Promise<Ran> {
  const { overrides = [], folder = resolve(root, "pipelines"), detail = "digest", ...environment } = choices;
  const plan = readDocument(text, "document", choices.catalog ?? catalog, { overrides });
  const trace: string[] = [];
  const notices: string[] = [];
  const resolvePath = (path: string) => resolve(folder, path);
  const summary = await runPipeline(plan, {
    clock: punctualClock(),
    signal: new AbortController().signal,
    speed: "max",
    live: false,
    arm: false,
    standIn: anyOptions(dryRun),
    readText: (path) => readFileSync(resolvePath(path), "utf8"),
    readTree: (path) => treeAt(resolvePath(path)),
    resolvePath,
    notice: (notice) => notices.push(notice),
    trace: {
      write: (line) => trace.push(line),
      header: () => Promise.resolve({ document: plan.about }),
      detail,
    },
    ...environment,
  });
  return { summary, trace, notices };
}

/** Trained networks that were read: a child process a file is enough. */
const trees = new Map<string, ReturnType<typeof readHdf5File>>();

function treeAt(path: string) {
  const tree = trees.get(path) ?? readHdf5File(path);
  trees.set(path, tree);
  return tree;
}

/** The names of all bundled pipelines. */
export function bundled(): string[] {
  const files = readdirSync(resolve(root, "pipelines")).filter((file) => /^[a-z-]+\.yaml$/.test(file));
  return files.map((file) => file.replace(/\.yaml$/, ""));
}

/** Runs a bundled pipeline, `follow` and so on, or any document file. */
export function runBundled(name: string, choices: RunChoices = {}): Promise<Ran> {
  const path = resolve(root, "pipelines", name.endsWith(".yaml") ? name : `${name}.yaml`);
  return runText(readFileSync(path, "utf8"), { folder: dirname(path), ...choices });
}
