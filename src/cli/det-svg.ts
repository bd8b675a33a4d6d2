/** A DET curve as a picture: misses against false alarms an hour, both on a logarithmic scale. */

import type { DetPoint } from "./evaluate-streams.ts";
import { escaped } from "./roc.ts";

const [size, left, top] = [420, 70, 40];

/** The detector as it is, and what it would have been with other values of an option. */
export interface DetCurve {
  readonly document: string;
  readonly missRate: number;
  readonly falseAlarmsPerHour: number;
  readonly det?: readonly DetPoint[];
}

/** Where nothing was missed, or no alarm was false, a point lies on the edge: a logarithm has no 0. */
export function detSvg({ document, missRate, falseAlarmsPerHour, det = [] }: DetCurve): string {
  const points = [...det].sort(
    (a, b) => a.falseAlarmsPerHour - b.falseAlarmsPerHour || b.missRate - a.missRate,
  );
  const alarms = scaleOf([falseAlarmsPerHour, ...points.map((point) => point.falseAlarmsPerHour)], 100);
  const misses = scaleOf([missRate, ...points.map((point) => point.missRate)], 1);
  const x = (value: number) => (left + alarms.at(value) * size).toFixed(1);
  const y = (value: number) => (top + (1 - misses.at(value)) * size).toFixed(1);
  const line = points.map((point) => `${x(point.falseAlarmsPerHour)},${y(point.missRate)}`);
  const across = alarms.ticks.flatMap((tick) => [
    `<line x1="${x(tick)}" y1="${top}" x2="${x(tick)}" y2="${top + size}" stroke="#ddd"/>`,
    `<text x="${x(tick)}" y="${top + size + 18}" text-anchor="middle">${tick}</text>`,
  ]);
  const up = misses.ticks.flatMap((tick) => [
    `<line x1="${left}" y1="${y(tick)}" x2="${left + size}" y2="${y(tick)}" stroke="#ddd"/>`,
    `<text x="${left - 8}" y="${y(tick)}" dy="4" text-anchor="end">${100 * tick} %</text>`,
  ]);
  const dots = points.flatMap((point) => [
    `<circle cx="${x(point.falseAlarmsPerHour)}" cy="${y(point.missRate)}" r="3.5" fill="#06c"/>`,
    `<text x="${x(point.falseAlarmsPerHour)}" y="${y(point.missRate)}" dx="7" dy="-5" font-size="10">${point.value}</text>`,
  ]);
  const option = points[0] ? `, each point a value of ${points[0].option}` : "";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size + 120}" height="${size + 110}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${left + size / 2}" y="22" text-anchor="middle" font-size="14">${escaped(document)}</text>`,
    ...across,
    ...up,
    `<polyline points="${line.join(" ")}" fill="none" stroke="#06c" stroke-width="1.5"/>`,
    ...dots,
    `<circle cx="${x(falseAlarmsPerHour)}" cy="${y(missRate)}" r="6" fill="none" stroke="#c30" stroke-width="2"/>`,
    `<text x="${left + size / 2}" y="${top + size + 40}" text-anchor="middle">false alarms an hour</text>`,
    `<text x="${left + size / 2}" y="${top + size + 58}" text-anchor="middle" fill="#666">ring: the document as it is${escaped(option)}; what is 0 lies on the edge</text>`,
    `<text transform="translate(16 ${top + size / 2}) rotate(-90)" text-anchor="middle">missed</text>`,
    "</svg>\n",
  ].join("\n");
}

/** Whole decades around all values above 0, and below `most`; where each value lies, from 0 to 1. */
function scaleOf(values: readonly number[], most: number) {
  const above = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(most / 10, ...above)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most / 10, ...above))));
  const at = (value: number) =>
    value <= 0 ? 0 : Math.max(0, Math.min(1, (Math.log10(value) - low) / (high - low)));
  const ticks = Array.from({ length: high - low + 1 }, (_, k) => Number(`1e${low + k}`));
  return { at, ticks };
}
