/** `reflexarc demo`: plays a bundled pipeline, in a terminal in real time and until `q`. */

import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { nearestName, ReflexarcError } from "../errors.ts";
import { runPipeline } from "../pipeline/run.ts";
import type { RunSummary } from "../pipeline/summary.ts";
import { liveLine } from "./live-line.ts";
import { finish } from "./run.ts";
import { overLine, ownTerminal, type Terminal } from "./terminal.ts";
import { endingSignals, environmentOf, home, openDocument } from "./world.ts";

export async function demo(
  name: string,
  options: { set: string[]; json?: boolean },
  _version: string,
): Promise<void> {
  const path = bundled(name);
  const ending = endingSignals();
  const terminal = options.json ? undefined : ownTerminal();
  if (!terminal) {
    const document = openDocument(path, options.set);
    finish(
      await runPipeline(document.plan, environmentOf(document, { speed: "max", signal: ending.signal })),
      options.json ?? false,
    );
    return;
  }
  const restore = terminal.keys((key) => {
    if (key === "q" || key === "ctrl+c") ending.abort();
  });
  try {
    finish(await playUntilAborted(terminal, path, options.set, ending.signal), false);
  } finally {
    restore();
  }
}

/** Plays again and again; the last pass is summed up. */
async function playUntilAborted(
  terminal: Terminal,
  path: string,
  set: readonly string[],
  signal: AbortSignal,
): Promise<RunSummary> {
  for (;;) {
    const document = openDocument(path, set);
    const line = liveLine(document.plan, (text) => terminal.write(overLine(text)), terminal.columns);
    const summary = await runPipeline(
      document.plan,
      environmentOf(document, { speed: 1, signal, onProgress: line }),
    );
    if (!signal.aborted && summary.exitCode === 0 && summary.eventsIn + summary.samplesIn > 0) continue;
    terminal.write(overLine(""));
    return summary;
  }
}

function bundled(name: string): string {
  const path = join(home, "pipelines", `${name}.yaml`);
  if (/^[a-z-]+$/.test(name) && existsSync(path)) return relative(process.cwd(), path) || path;
  const names = demoNames();
  const near = nearestName(name, names);
  const remedy = `${near ? `Did you mean "${near}"? ` : ""}There are: ${names.join(", ")}.`;
  throw new ReflexarcError({
    kind: "usage",
    room: "demo",
    what: `there is no bundled pipeline "${name}"`,
    remedy,
  });
}

/** Bundled pipelines: documents with `stages`, not the networks beside them. */
function demoNames(): string[] {
  const files = readdirSync(join(home, "pipelines")).filter(
    (file) => file.endsWith(".yaml") && !file.includes(".network."),
  );
  return files.map((file) => file.replace(/\.yaml$/, ""));
}
