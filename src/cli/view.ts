/** `reflexarc view`: a recording as a picture that any browser shows. */

import { runPipeline } from "../pipeline/run.ts";
import { readWords, wordsOfStage } from "../pipeline/words.ts";
import { reportError, withoutOthers } from "./report.ts";
import { interrupted, progressBar } from "./run.ts";
import { catalog, endingSignals, environmentOf, openWords } from "./world.ts";

export interface ViewOptions {
  png: string;
  kind?: string;
  every?: string;
  framesMax?: string;
  speed?: string;
  scale?: string;
  tau?: string;
  region?: string;
  sample?: string;
  samples?: string;
  from?: string;
  to?: string;
  filter: string[];
  format?: string;
  geometry?: string;
  chip?: string;
  force?: boolean;
  json?: boolean;
}

export async function view(file: string, options: ViewOptions): Promise<void> {
  const { document } = readWords(wordsOf(file, options), catalog, { settings: {} });
  const opened = openWords(document, options.png);
  const bar = options.json || !process.stderr.isTTY ? undefined : await progressBar();
  const { signal } = endingSignals();
  try {
    const summary = await runPipeline(
      opened.plan,
      environmentOf(opened, {
        speed: "max",
        wholeOnly: true,
        signal,
        ...(bar && { onProgress: bar.show }),
      }),
    );
    bar?.stop();
    if (signal.aborted) throw interrupted(options.png);
    const { frames = 0, events = 0, bytes = 0 } = summary.stages.at(-1)!.counts;
    process.exitCode = summary.exitCode;
    if (options.json) {
      const errors = summary.errors.map(({ detail }) => withoutOthers(detail));
      const told = { output: options.png, frames, events, bytes, problems: summary.problems, errors };
      process.stdout.write(`${JSON.stringify({ ...told, exitCode: summary.exitCode }, null, 2)}\n`);
      return;
    }
    const number = (value: number) => value.toLocaleString("en");
    const line = `${options.png}: ${frames === 1 ? "1 frame" : `${number(frames)} frames`} of ${number(events)} events, ${(bytes / 1e3).toFixed(0)} kB`;
    process.stdout.write(`${[line, ...summary.problems.map((problem) => `  ! ${problem}`)].join("\n")}\n`);
    for (const error of summary.errors) reportError(error, false);
  } finally {
    bar?.stop();
  }
}

/** The pipeline that does it. */
function wordsOf(file: string, options: ViewOptions): string[] {
  const { png, kind, every, framesMax, speed, scale, tau, region, sample, samples, from, to } = options;
  const { format, geometry, chip, filter, force } = options;
  const given = (names: Readonly<Record<string, string | undefined>>) =>
    Object.entries(names).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  return [
    ...["input", "file", ...given({ file, format, geometry, chip, from, to })],
    ...filter.flatMap((one) => ["filter", ...wordsOfStage(one)]),
    ...["output", "view", ...given({ file: png, kind, every, "frames-max": framesMax, speed, scale, tau })],
    ...[...given({ region, sample, samples }), ...(force ? ["--force"] : [])],
  ];
}
