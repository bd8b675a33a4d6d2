/** `reflexarc denoise-score`: the ROC of a denoiser on a recording with added noise whose labels are known. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { wallClock } from "../clock.ts";
import { nearestName, ReflexarcError } from "../errors.ts";
import type { PixelGeometry } from "../events/geometry.ts";
import type { Sensor, SensorDefinition, StageDefinition, Step } from "../stage.ts";
import { readYaml } from "../yaml.ts";
import { areaUnder, noiseMixer, type Passed, type RocPoint, rocSvg, scorer } from "./roc.ts";
import { catalog } from "./world.ts";

const room = "denoise-score";

export interface DenoiseScoreOptions {
  denoiser: string;
  /** `option=value,value,...` */
  sweep: string;
  /** `option=value`, for all values of the sweep. */
  set: readonly string[];
  noiseHz: string;
  seed: string;
  format?: string;
  geometry?: string;
  chip?: string;
  svg?: string;
  json?: boolean;
}

/** One value of the sweep, at work. */
interface Trial {
  readonly value: string;
  readonly score: ReturnType<typeof scorer>;
  passed: Passed;
}

/** Reads the recording once, whatever the number of values; all of it counts as signal. */
export async function denoiseScore(file: string, options: DenoiseScoreOptions): Promise<void> {
  const noiseHz = numberOf("--noise-hz", options.noiseHz, (hz) => hz > 0);
  const seed = numberOf("--seed", options.seed, Number.isSafeInteger);
  const [swept, values] = sweepOf(options.sweep);
  const denoiser = denoiserOf(options.denoiser);
  const ending = new AbortController();
  const sensor = await openRecording(file, options, ending.signal);
  const geometry = sensor.geometry as PixelGeometry;
  const trials = values.map((value): Trial => {
    const step = stepOf(denoiser, [...options.set, `${swept}=${value}`], geometry);
    return { value, score: scorer(step, denoiser.name), passed: { signal: 0, noise: 0 } };
  });

  const mix = noiseMixer(geometry, noiseHz, seed);
  let [signal, noise] = [0, 0];
  for await (const clean of sensor.packets) {
    const noisy = mix(clean);
    signal += clean.count;
    noise += noisy.packet.count - clean.count;
    for (const trial of trials) trial.passed = trial.score(noisy);
  }
  ending.abort();
  const problems = sensor.problems?.() ?? [];
  for (const problem of problems) process.stderr.write(`${file}: ${problem}\n`);
  if (Object.values(sensor.lost?.() ?? {}).some((count) => count > 0)) process.exitCode = 4;
  if (signal === 0 || noise === 0)
    throw new ReflexarcError({
      kind: "input",
      room,
      what: signal === 0 ? "the recording has no events" : "it is so short that no noise fell into it",
      where: file,
      remedy: signal === 0 ? "Give another one." : "Give more with --noise-hz.",
    });

  const points = trials.map(({ value, passed }) => ({
    value,
    tpr: passed.signal / signal,
    fpr: passed.noise / noise,
    signalPassed: passed.signal,
    noisePassed: passed.noise,
  }));
  const auc = areaUnder(points);
  if (options.svg !== undefined) writeSvg(options.svg, `${denoiser.name}, AUC ${auc.toFixed(3)}`, points);
  const told = {
    file,
    denoiser: denoiser.name,
    set: options.set,
    sweep: swept,
    noiseHz,
    seed,
    signal,
    noise,
    auc,
  };
  if (options.json) process.stdout.write(JSON.stringify({ ...told, points }, null, 2) + "\n");
  else print(told, points);
}

function print(
  told: {
    file: string;
    denoiser: string;
    sweep: string;
    noiseHz: number;
    signal: number;
    noise: number;
    auc: number;
  },
  points: readonly RocPoint[],
): void {
  const { file, denoiser, sweep, noiseHz, signal, noise, auc } = told;
  const width = Math.max(sweep.length, ...points.map(({ value }) => value.length));
  const count = (value: number) => value.toLocaleString("en");
  const lines = [
    `${file}: ${count(signal)} events, and ${count(noise)} of noise at ${noiseHz} Hz a pixel`,
    `${denoiser}: which share of events (TPR) and of noise (FPR) passes`,
    `  ${sweep.padStart(width)}     TPR     FPR`,
    ...points.map(
      ({ value, tpr, fpr }) => `  ${value.padStart(width)}  ${tpr.toFixed(4)}  ${fpr.toFixed(4)}`,
    ),
    `  area under the curve ${auc.toFixed(4)}`,
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

function sweepOf(text: string): readonly [option: string, values: readonly string[]] {
  const [, option, list] = /^\s*(\w+)\s*=(.+)$/.exec(text) ?? [];
  const values = list?.split(",").map((value) => value.trim()) ?? [];
  if (option !== undefined && values.length <= 100 && values.every((value) => value !== ""))
    return [option, values];
  throw usage(
    `--sweep ${text} is not option=value,value,... with at most 100 values`,
    "For example --sweep windowUs=500,1000,2000.",
  );
}

function numberOf(option: string, text: string, allowed: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && allowed(value)) return value;
  throw usage(`${option} ${text} is not a number that can be used`, `For example ${option} 5.`);
}

/** A filter by name. */
function denoiserOf(name: string): StageDefinition {
  const filters = [...catalog.values()].filter(
    (one): one is StageDefinition => one.kind === "stage" && one.takes === "events" && one.gives === "events",
  );
  const found = filters.find((filter) => filter.name === name);
  if (found) return found;
  const near = nearestName(
    name,
    filters.map((filter) => filter.name),
  );
  throw usage(
    `there is no filter "${name}"`,
    near ? `Did you mean "${near}"?` : "`reflexarc list` shows all.",
  );
}

/** The denoiser with options as `option=value`, each value read as YAML. */
function stepOf(
  denoiser: StageDefinition,
  settings: readonly string[],
  geometry: PixelGeometry,
): Step<"events", "events"> {
  const given = settings.map((setting): [string, unknown] => {
    const [, option, text] = /^\s*(\w+)\s*=(.*)$/s.exec(setting) ?? [];
    if (option === undefined || text === undefined)
      throw usage(`--set ${setting} is not option=value`, "For example --set supporters=3.");
    return [option, readYaml(text, `--set ${setting}`, room).value];
  });
  const parsed = denoiser.options.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ReflexarcError({
      kind: "usage",
      room: denoiser.name,
      what: `${issue?.path.join(".") || "its options"}: ${issue?.message ?? "not allowed"}`,
      where: settings.join(", "),
      remedy: `\`reflexarc list ${denoiser.name}\` shows its options.`,
    });
  }
  const context = { id: denoiser.name, geometry, seed: 1, readText: () => "" };
  return denoiser.create(parsed.data, context) as Step<"events", "events">;
}

function openRecording(file: string, options: DenoiseScoreOptions, signal: AbortSignal): Promise<Sensor> {
  const recording = catalog.get("recording");
  if (recording?.kind !== "sensor") throw new Error("the catalog has no recording");
  const { format, geometry, chip } = options;
  const parsed = recording.options.safeParse({ file, format, geometry, chip });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw usage(
      `--${issue?.path.join(".")}: ${issue?.message}`,
      "`reflexarc list recording` shows what is allowed.",
    );
  }
  return (recording as SensorDefinition<unknown, "events">).open(parsed.data, {
    id: "recording",
    pipeline: "score",
    clock: wallClock(),
    signal,
    seed: 1,
    resolvePath: (path) => resolve(path),
    notice: (text) => process.stderr.write(`${text}\n`),
  });
}

function writeSvg(path: string, title: string, points: readonly RocPoint[]): void {
  try {
    writeFileSync(path, rocSvg(title, points));
  } catch (cause) {
    throw new ReflexarcError(
      {
        kind: "usage",
        room,
        what: `the plot can't be written: ${(cause as NodeJS.ErrnoException).code ?? "unknown error"}`,
        where: path,
        remedy: "Name a file in a folder that you may write to.",
      },
      { cause },
    );
  }
}

function usage(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room, what, remedy });
}
