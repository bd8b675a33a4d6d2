/** `reflexarc run`: runs a document, dry unless it is told to be live. */

import { closeSync, openSync, writeSync } from "node:fs";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { Progress, TraceSettings } from "../pipeline/environment.ts";
import { runPipeline } from "../pipeline/run.ts";
import type { RunSummary } from "../pipeline/summary.ts";
import type { PacketDetail } from "../pipeline/trace.ts";
import { openLearned } from "./learned-file.ts";
import { openAccounted, writeLedger } from "./ledger.ts";
import { liveLine } from "./live-line.ts";
import { keysHelp, type Operating, openDesk } from "./operating.ts";
import { openPicture, type Picture } from "./picture.ts";
import { refuseOtherFiles } from "./refuse-other-files.ts";
import { printSummary } from "./summary.ts";
import { isScreen, overLine, ownTerminal, type Terminal } from "./terminal.ts";
import {
  endingSignals,
  environmentOf,
  type OpenDocument,
  openDocument,
  toStderr,
  traceHeader,
} from "./world.ts";

export interface RunOptions {
  speed?: string;
  live?: boolean;
  arm?: boolean;
  strict?: boolean;
  set: string[];
  trace?: string;
  traceDetail: PacketDetail;
  json?: boolean;
  control?: string;
  stopFile?: string;
  picture?: string;
  learned?: string;
  ledger?: string;
}

export async function run(path: string, options: RunOptions, version: string): Promise<void> {
  const document =
    options.ledger === undefined ? openDocument(path, options.set) : openAccounted(path, options.set);
  const speed = readSpeed(options);
  const { live = false, arm = false, strict = false, json = false } = options;
  const ending = endingSignals();
  const screen = json ? undefined : await screenOf(document, live);
  const notice = screen?.notice ?? toStderr;
  if (options.picture !== undefined && live) throw noLivePicture(options.picture);
  const picture = options.picture === undefined ? undefined : openPicture(options.picture, document.plan);
  const trace =
    options.trace === undefined ? undefined : openTrace(options.trace, document, options, version);
  const learned = options.learned === undefined ? undefined : await openLearned(options.learned, document);
  let operating: Operating | undefined;
  try {
    operating = await openDesk(
      { ...options, findable: live, terminal: live ? screen?.terminal : undefined },
      { clock: wallClock(), notice, end: () => ending.abort() },
    );
    const environment = environmentOf(document, {
      speed,
      live,
      arm,
      strict,
      signal: ending.signal,
      notice,
      desk: operating.desk,
      ...traced(trace?.settings, picture),
      ...(learned && { onLearned: learned.keep }),
      ...(screen && { onProgress: screen.show }),
    });
    const summary = await runPipeline(document.plan, environment);
    screen?.stop();
    await learned?.end();
    await picture?.end();
    if (options.ledger !== undefined) writeLedger(options.ledger, summary);
    finish(summary, json);
  } finally {
    screen?.stop();
    trace?.close();
    await learned?.discard();
    await operating?.close();
  }
}

/** A picture is drawn from the lines of a trace, whether or not they are kept. */
function traced(trace: TraceSettings | undefined, picture: Picture | undefined): { trace?: TraceSettings } {
  if (!picture) return trace ? { trace } : {};
  const write = (line: string) => {
    picture.hear(line);
    trace?.write(line);
  };
  return { trace: { header: async () => ({}), ...trace, write } };
}

function noLivePicture(where: string): ReflexarcError {
  const what = "a live run has no simulated servo to draw";
  return new ReflexarcError({
    kind: "usage",
    room: "run",
    what,
    where,
    remedy: "Draw it from a dry run: leave --live out.",
  });
}

interface Screen {
  readonly show: (progress: Progress) => void;
  readonly notice?: (text: string) => void;
  readonly stop: () => void;
  readonly terminal?: Terminal;
}

/** What a person at the terminal sees of a run: where its actuators are and which keys there are, or how much is done. */
async function screenOf({ plan }: OpenDocument, live: boolean): Promise<Screen | undefined> {
  const terminal = live ? ownTerminal(process.stderr) : undefined;
  if (!terminal) return isScreen(process.stderr) ? await progressBar() : undefined;
  terminal.write(`${keysHelp}\n`);
  const show = liveLine(plan, (text) => terminal.write(overLine(text)), terminal.columns);
  return {
    show,
    notice: (text) => terminal.write(`${overLine(text)}\n`),
    stop: () => terminal.write(overLine("")),
    terminal,
  };
}

/** A verb that writes one thing was ended by a signal: it is whole or not there. */
export function interrupted(output: string): ReflexarcError {
  const remedy = "Start it again; a finished span of a split one stays.";
  return new ReflexarcError({
    kind: "lost",
    room: "cli",
    what: "it was interrupted, and nothing is left of it",
    where: output,
    remedy,
  });
}

/** Prints the summary and sets the exit code. */
export function finish(summary: RunSummary, json: boolean): void {
  printSummary(summary, json);
  process.exitCode = summary.exitCode;
}

/** How fast to play. Throws a ReflexarcError when the choices don't go together. */
export function readSpeed({ speed, live, arm }: Pick<RunOptions, "speed" | "live" | "arm">): number | "max" {
  const refuse = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: "run", what, remedy });
  if (arm && !live)
    throw refuse("--arm has no meaning in a dry run", "Add --live to move real motors, or leave --arm out.");
  if (speed === undefined) return live ? 1 : "max";
  const factor = speed === "max" ? "max" : Number(speed);
  if (factor !== "max" && !(factor >= 0.001 && Number.isFinite(factor)))
    throw refuse(`--speed ${speed} is no speed`, "Give a number of at least 0.001, or max.");
  if (live && (factor === "max" || factor > 1)) {
    throw refuse(
      `--speed ${speed} with --live would drive motors faster than their limits say`,
      "Use --speed 1 or slower.",
    );
  }
  return factor;
}

function openTrace(
  file: string,
  document: OpenDocument,
  options: RunOptions,
  version: string,
): { settings: TraceSettings; close(): void } {
  refuseOtherFiles(file, '{"reflexarc":', "trace");
  let handle: number;
  try {
    handle = openSync(file, "w");
  } catch (cause) {
    const what = `the trace can't be written: ${(cause as NodeJS.ErrnoException).code}`;
    const remedy = "Name a file that you may write, in a folder that exists.";
    throw new ReflexarcError({ kind: "usage", room: "run", what, where: file, remedy }, { cause });
  }
  let lines: string[] = [];
  const flush = () => {
    const bytes = Buffer.from(lines.join(""));
    lines = [];
    try {
      // A disk that is nearly full takes a part, and says so only at the next write.
      for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
    } catch (cause) {
      const what = `the trace ends early: ${(cause as NodeJS.ErrnoException).code}`;
      const remedy = "Make room on the disk, or name a file on another one.";
      throw new ReflexarcError({ kind: "lost", room: "run", what, where: file, remedy }, { cause });
    }
  };
  const write = (line: string) => {
    lines.push(`${line}\n`);
    if (lines.length >= 512) flush();
  };
  const close = () => {
    flush();
    closeSync(handle);
  };
  const header = traceHeader(document, options, version);
  return { settings: { write, header, detail: options.traceDetail }, close };
}

/** A bar on standard error with the share of the recording that was read. */
export async function progressBar(): Promise<{ show: (progress: Progress) => void; stop: () => void }> {
  const { default: progress } = await import("cli-progress");
  const format = "{bar} {percentage} %  {seconds} s  {events} events";
  const bar = new progress.SingleBar(
    { format, clearOnComplete: true, hideCursor: true, stream: process.stderr },
    progress.Presets.shades_grey,
  );
  bar.start(1000, 0, { seconds: "0.0", events: 0 });
  return {
    show({ share, atUs, startUs, eventsIn }) {
      const seconds = Number.isNaN(atUs) ? "0.0" : ((atUs - startUs) / 1e6).toFixed(1);
      bar.update(Math.round(1000 * (share ?? 0)), { seconds, events: eventsIn.toLocaleString("en") });
    },
    stop: () => bar.stop(),
  };
}
