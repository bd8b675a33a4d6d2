/** Labelled spans of a recording, as DVS-Gesture has them: a CSV with class, startTime_usec and endTime_usec. */

import { ReflexarcError } from "../errors.ts";

/** `fromUs <= time < toUs`, in the recording's own time. */
export interface LabelWindow {
  readonly label: string;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Most windows that one file may list. */
const windowsMax = 100_000;
const columns = ["class", "startTime_usec", "endTime_usec"] as const;

/**
 * Reads the text of a labels file (IBM DvsGesture `gesture_mapping` and `*_labels.csv`): columns are found by their
 * names, or are in this order without a header. Answers the windows by time; they may overlap. Throws a ReflexarcError.
 */
export function readLabelWindows(text: string, where: string): LabelWindow[] {
  const rows = text.split(/\r?\n/).map((line) => line.split(",").map((cell) => cell.trim()));
  const hasNames = columns.every((name) => rows[0]!.includes(name));
  const [label, from, to] = columns.map((name, i) => (hasNames ? rows[0]!.indexOf(name) : i)) as [
    number,
    number,
    number,
  ];
  const windows: LabelWindow[] = [];
  rows.forEach((row, i) => {
    if ((hasNames && i === 0) || row.every((cell) => cell === "")) return;
    const [fromUs, toUs] = [Number(row[from] || Number.NaN), Number(row[to] || Number.NaN)];
    if (!row[label] || !(toUs > fromUs))
      throw wrong(`line ${i + 1} is no label with a start before its end`, where);
    windows.push({ label: row[label], fromUs, toUs });
  });
  if (windows.length === 0 || windows.length > windowsMax)
    throw wrong(`${windows.length} windows are listed, not 1 to ${windowsMax}`, where);
  return windows.sort((a, b) => a.fromUs - b.fromUs);
}

function wrong(what: string, where: string): ReflexarcError {
  const remedy = `Write lines of ${columns.join(",")}, times in microseconds.`;
  return new ReflexarcError({ kind: "usage", room: "labels", what, where, remedy });
}
