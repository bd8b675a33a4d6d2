/** `reflexarc convert`: recordings in, one recording out, with filters on the way and every loss counted. */

import { formatOf } from "../../drivers/file.ts";
import { ReflexarcError } from "../errors.ts";
import { runPipeline } from "../pipeline/run.ts";
import type { RunSummary } from "../pipeline/summary.ts";
import { readWords, wordsOfStage } from "../pipeline/words.ts";
import type { Counts } from "../stage.ts";
import { reportError, withoutOthers } from "./report.ts";
import { interrupted, progressBar } from "./run.ts";
import { catalog, endingSignals, environmentOf, openWords } from "./world.ts";

export interface ConvertOptions {
  format?: string;
  compression?: string;
  inputFormat?: string;
  geometry?: string;
  chip?: string;
  filter: string[];
  from?: string;
  to?: string;
  splitEvery?: string;
  splitLabels?: string;
  force?: boolean;
  strict?: boolean;
  json?: boolean;
}

export async function convert(files: readonly string[], options: ConvertOptions): Promise<void> {
  const output = files.at(-1)!;
  const inputs = files.slice(0, -1);
  if (inputs.length === 0) {
    throw new ReflexarcError({
      kind: "usage",
      room: "convert",
      what: "there is nothing to write to",
      where: output,
      remedy: "Name the recording to write after those to read.",
    });
  }
  const format = formatOf(output, options.format).name;
  const { document } = readWords(wordsOf(inputs, output, options), catalog, { settings: {} });
  const opened = openWords(document, output);
  const bar = options.json || !process.stderr.isTTY ? undefined : await progressBar();
  const { signal } = endingSignals();
  try {
    const summary = await runPipeline(
      opened.plan,
      environmentOf(opened, {
        speed: "max",
        strict: options.strict ?? false,
        wholeOnly: true,
        signal,
        ...(bar && { onProgress: bar.show }),
      }),
    );
    bar?.stop();
    if (signal.aborted) throw interrupted(output);
    tell(summary, { output, format, json: options.json ?? false });
  } finally {
    bar?.stop();
  }
}

/** The pipeline that does it. */
function wordsOf(inputs: readonly string[], output: string, options: ConvertOptions): string[] {
  const given = (names: Readonly<Record<string, string | undefined>>) =>
    Object.entries(names).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  const read = given({
    format: options.inputFormat,
    geometry: options.geometry,
    chip: options.chip,
    from: options.from,
    to: options.to,
  });
  const written = given({
    format: options.format,
    compression: options.compression,
    chip: options.chip,
    "split-every": options.splitEvery,
    "split-labels": options.splitLabels,
  });
  return [
    ...inputs.flatMap((file) => ["input", "file", `--file=${file}`, ...read]),
    ...options.filter.flatMap((filter) => ["filter", ...wordsOfStage(filter)]),
    ...["output", "file", `--file=${output}`, ...written, ...(options.force ? ["--force"] : [])],
  ];
}

interface Told {
  readonly output: string;
  readonly format: string;
  readonly json: boolean;
}

function tell(summary: RunSummary, { output, format, json }: Told): void {
  const sink = summary.stages.at(-1)!;
  const { "events written": events = 0, files = 0, bytes = 0 } = sink.counts;
  const lost = sumOf(summary.stages.map((stage) => stage.lost));
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  const seconds = summary.wallUs / 1e6;
  process.exitCode = summary.exitCode;
  if (json) {
    const told = {
      output,
      format,
      files,
      bytes,
      eventsIn: summary.eventsIn,
      events,
      seconds,
      peakMemoryBytes,
    };
    const errors = summary.errors.map(({ detail }) => withoutOthers(detail));
    const stages = summary.stages.map(({ id, use, out, counts, lost: left }) => ({
      id,
      use,
      out,
      counts,
      lost: left,
    }));
    const all = { ...told, lost, problems: summary.problems, stages, errors, exitCode: summary.exitCode };
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const number = (value: number) => value.toLocaleString("en");
  const rate = seconds > 0 ? (summary.eventsIn / seconds / 1e6).toFixed(1) : "-";
  const where = files === 1 ? output : `${number(files)} files like ${output}`;
  const lines = [
    `${where}: ${format}, ${number(events)} of ${number(summary.eventsIn)} events, ${(bytes / 1e6).toFixed(1)} MB`,
    `  ${seconds.toFixed(2)} s, ${rate} million events/s, peak memory ${(peakMemoryBytes / 1e6).toFixed(0)} MB`,
    ...summary.problems.map((problem) => `  ! ${problem}`),
    ...Object.entries(lost).flatMap(([what, count]) =>
      count > 0 ? [`  LOST ${number(count)} ${what}`] : [],
    ),
  ];
  const failed = summary.errors.length > 0 && files === 0;
  if (!failed) process.stdout.write(`${lines.join("\n")}\n`);
  for (const error of summary.errors) reportError(error, false);
}

/** Counts of the same name added up. */
function sumOf(all: readonly Counts[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all)
    for (const [what, count] of Object.entries(counts)) sum[what] = (sum[what] ?? 0) + count;
  return sum;
}
