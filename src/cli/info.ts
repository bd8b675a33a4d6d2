/** `reflexarc info`: what recordings hold, file by file. */

import { inspectFile } from "../../drivers/recording.ts";
import { inspectSound, type SoundInfo } from "../../drivers/wav.ts";
import { ReflexarcError } from "../errors.ts";
import type { RecordingInfo } from "../formats/inspect.ts";
import { reportError, withoutOthers } from "./report.ts";

export interface InfoOptions {
  format?: string;
  geometry?: string;
  chip?: string;
  json?: boolean;
}

/** Prints one object for one file, an array for several; a file that can't be read doesn't keep the others back. */
export async function info(files: readonly string[], options: InfoOptions): Promise<void> {
  const told: object[] = [];
  for (const file of files) {
    try {
      const found =
        (options.format ? undefined : await inspectSound(file)) ?? (await inspectFile(file, options));
      told.push(found);
      if (!options.json) print(found);
      if (found.problems.some(({ fatal }) => fatal)) process.exitCode = 3;
    } catch (error) {
      if (!(error instanceof ReflexarcError)) throw error;
      process.exitCode = error.exitCode;
      if (options.json) told.push({ file, error: withoutOthers(error.detail) });
      else reportError(error, false);
    }
  }
  if (options.json) process.stdout.write(JSON.stringify(files.length === 1 ? told[0] : told, null, 2) + "\n");
}

function print(found: RecordingInfo | SoundInfo): void {
  if ("rateHz" in found) {
    printSound(found);
    return;
  }
  const count = (value: number) => value.toLocaleString("en");
  const size = found.geometry ? `${found.geometry.width}x${found.geometry.height}` : "unknown size";
  const seconds = (found.durationUs / 1e6).toFixed(3);
  const rate =
    found.durationUs > 0 ? `, ${count(Math.round((found.events * 1e6) / found.durationUs))} events/s` : "";
  const lines = [
    `${found.file}: ${found.format}, ${size}`,
    `  ${count(found.events)} events (${count(found.on)} ON, ${count(found.off)} OFF) in ${seconds} s${rate}`,
    found.firstUs === null
      ? ""
      : `  from ${found.firstUs} us to ${found.lastUs} us${found.monotone ? "" : ", with steps back in time"}`,
    `  streams: ${found.streams.map(({ id, type, count: n }) => `${id} ${type} (${count(n)})`).join(", ") || "none"}`,
    ...found.problems.map(
      ({ what, firstByte, count: n }) => `  ! ${what}: ${count(n)}, first at byte ${firstByte}`,
    ),
  ];
  process.stdout.write(lines.filter(Boolean).join("\n") + "\n");
}

function printSound(found: SoundInfo): void {
  const { frames, rateHz, channels, peak, rms, clipped, broken } = found;
  const count = (value: number) => value.toLocaleString("en");
  const decibels = (share: number) => (share > 0 ? `${(20 * Math.log10(share)).toFixed(1)} dB` : "silence");
  const notes = [
    ...(clipped > 0 ? [`${count(clipped)} samples clipped`] : []),
    ...(broken > 0 ? [`${count(broken)} samples are no number`] : []),
    ...found.problems.map(({ what, firstByte }) => `${what}, at byte ${firstByte}`),
  ];
  const lines = [
    `${found.file}: wav, ${found.encoding}, ${rateHz} Hz, ${channels === 1 ? "mono" : channels === 2 ? "stereo" : `${channels} channels`}`,
    `  ${count(frames)} samples of each channel in ${(found.durationUs / 1e6).toFixed(3)} s`,
    `  peak ${decibels(peak)}, mean ${decibels(rms)} of full scale`,
    ...notes.map((note) => `  ! ${note}`),
  ];
  process.stdout.write(lines.join("\n") + "\n");
}
