/** What a verb hands to a run: the whole catalog, the files, the clock, and the signals that end it. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import dryRun from "../../drivers/dry-run.ts";
import { readTextFile } from "../../drivers/files.ts";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { drivers } from "../../drivers/index.ts";
import { stages } from "../catalog.ts";
import { wallClock } from "../clock.ts";
import { type Catalog, catalogOf, type Plan, planOf, readDocument } from "../pipeline/document.ts";
import type { RunEnvironment, TraceSettings } from "../pipeline/environment.ts";
import type { PacketDetail } from "../pipeline/trace.ts";
import { anyOptions } from "../stage.ts";
import type { YamlText } from "../yaml.ts";
import { startGuard } from "./guard-process.ts";
import { startThread } from "./stage-threads.ts";

/** The project's own folder: where `pipelines/` lies. */
export const home = fileURLToPath(new URL("../../../", import.meta.url));

export const catalog: Catalog = catalogOf([...drivers, ...stages]);

/** A document that was read, with the files that it names. */
export interface OpenDocument {
  readonly plan: Plan;
  readonly sha256: string;
  /** Where the document lies: relative paths start here. */
  readonly folder: string;
  readonly resolvePath: (path: string) => string;
  /** As `resolvePath`, of a file that is written: not one of `named`. */
  readonly resolveOutput: (path: string) => string;
  readonly readText: (path: string) => string;
  readonly readTree: NonNullable<RunEnvironment["readTree"]>;
  /** Files that were named so far: as the document spells them, and where they are. */
  readonly named: ReadonlyMap<string, string>;
}

/** Reads and checks a document file. */
export function openDocument(path: string, overrides: readonly string[]): OpenDocument {
  const text = readTextFile(path, "document");
  return place(text, dirname(resolve(path)), () => readDocument(text, path, catalog, { overrides }));
}

/** A document that stands nowhere but in the words of a command line: its relative paths start here. */
export function openWords(document: YamlText, name: string): OpenDocument {
  return place(JSON.stringify(document.value), process.cwd(), () => planOf(document, name, catalog));
}

function place(text: string, folder: string, plan: () => Plan): OpenDocument {
  const named = new Map<string, string>();
  const resolvePath = (given: string) => {
    const full = isAbsolute(given) ? given : resolve(folder, given);
    named.set(given, full);
    return full;
  };
  return {
    plan: plan(),
    sha256: createHash("sha256").update(text).digest("hex"),
    folder,
    resolvePath,
    resolveOutput: (given) => resolve(folder, given),
    readText: (given) => readTextFile(resolvePath(given), "document"),
    readTree: (given) => readHdf5File(resolvePath(given)),
    named,
  };
}

/** The choices of a run that decide what its trace says. */
export interface TracedRun {
  readonly set: readonly string[];
  readonly traceDetail: PacketDetail;
  readonly live?: boolean;
  readonly arm?: boolean;
}

/** The first line of a trace: what was run, and the digest of every file that went in. */
export function traceHeader(document: OpenDocument, run: TracedRun, version: string) {
  return async () => ({
    reflexarc: version,
    document: document.plan.name,
    sha256: document.sha256,
    set: run.set,
    detail: run.traceDetail,
    live: run.live ?? false,
    arm: run.arm ?? false,
    files: await Promise.all(
      [...document.named]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(async ([file, path]) => ({ file, sha256: await sha256Of(path) })),
    ),
  });
}

/** The digest of a file; a pipe or a device can be read only once, and has none. */
async function sha256Of(path: string): Promise<string | null> {
  if (!(await stat(path)).isFile()) return null;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export interface RunChoice {
  readonly speed: number | "max";
  readonly live?: boolean;
  readonly arm?: boolean;
  readonly rehearsal?: boolean;
  readonly strict?: boolean;
  readonly wholeOnly?: boolean;
  readonly signal: AbortSignal;
  readonly trace?: TraceSettings;
  readonly desk?: RunEnvironment["desk"];
  readonly notice?: RunEnvironment["notice"];
  readonly onProgress?: RunEnvironment["onProgress"];
}

export const toStderr = (text: string): void => void process.stderr.write(`${text}\n`);

/** The environment of a run on this machine. Notices go to standard error by default. */
export function environmentOf(document: OpenDocument, choice: RunChoice): RunEnvironment {
  const clock = wallClock();
  const { notice = toStderr } = choice;
  return {
    live: false,
    arm: false,
    ...choice,
    notice,
    clock,
    startThread: (task) => startThread(document.folder, task),
    startGuard: ({ lost }) => startGuard(document.folder, clock, { lost, notice }),
    standIn: anyOptions(dryRun),
    readText: document.readText,
    readTree: document.readTree,
    resolvePath: document.resolvePath,
    resolveOutput: document.resolveOutput,
  };
}

/** Aborts on SIGINT and SIGTERM; a second one ends the process at once. */
export function endingSignals(): AbortController {
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (ending.signal.aborted) process.exit(130);
      ending.abort();
    });
  }
  return ending;
}
