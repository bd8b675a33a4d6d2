/** `run --picture`: what was asked of each actuator, what its guard allowed and what the simulated servo did, as an SVG. */

import { AtomicFile } from "../../drivers/atomic-file.ts";
import type { Plan } from "../pipeline/document.ts";
import { limitsOf } from "../safety/limits.ts";
import { refuseOtherFiles } from "./refuse-other-files.ts";
import { escaped } from "./roc.ts";

/** A value at a time; NaN where there is none: pulses that have ended, a servo that was let go of. */
type Point = readonly [atUs: number, value: number];

/** What is drawn of one actuator. Times are microseconds of packet time. */
export interface ServoTrack {
  readonly id: string;
  readonly use: string;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  /** Commands of the stages that feed it. */
  readonly asked: Point[];
  /** What the guard said. */
  readonly allowed: Point[];
  /** The simulated servo's angle, degrees, and its pulses, microseconds. */
  readonly angle: Point[];
  readonly pulses: Point[];
}

/** A picture that is being gathered. */
export interface Picture {
  /** Takes a line of the run's trace. */
  hear(line: string): void;
  /** Writes the file. */
  end(): Promise<void>;
}

/** Throws a usage error when the file exists and is no picture of this kind. */
export function openPicture(path: string, plan: Plan): Picture {
  refuseOtherFiles(path, "<svg ", "picture");
  const { tracks, hear } = servoTracks(plan);
  return {
    hear,
    async end() {
      const file = await new AtomicFile(path, { overwrite: true }).open();
      file.write(new TextEncoder().encode(servoSvg(plan.about || plan.name, tracks)));
      await file.end();
    },
  };
}

/** Gathers the tracks of a run from the lines of its trace. */
export function servoTracks(plan: Plan): {
  readonly tracks: readonly ServoTrack[];
  hear(line: string): void;
} {
  const byStage = new Map<string, { track: ServoTrack; asks: boolean }[]>();
  const tracks = plan.nodes.flatMap((node): ServoTrack[] => {
    if (node.kind !== "actuator") return [];
    const { unit, min, max } = limitsOf(node.guard.limits, node.id);
    const track = {
      id: node.id,
      use: node.definition.name,
      unit,
      min,
      max,
      asked: [],
      allowed: [],
      angle: [],
      pulses: [],
    };
    for (const id of [node.id, ...node.from])
      byStage.set(id, [...(byStage.get(id) ?? []), { track, asks: id !== node.id }]);
    return [track];
  });
  const hear = (line: string) => {
    if (!/"(safe|command|angleDeg)":/.test(line)) return;
    const { atUs, stage, safe, command, value, angleDeg, pulseUs } = JSON.parse(line) as Record<
      string,
      never
    >;
    for (const { track, asks } of byStage.get(stage) ?? []) {
      if (asks && command !== undefined) track.asked.push([atUs, value]);
      if (asks) continue;
      if (safe !== undefined) track.allowed.push([atUs, safe === "release" ? Number.NaN : value]);
      if (angleDeg !== undefined) track.angle.push([atUs, angleDeg]);
      if (pulseUs !== undefined) track.pulses.push([atUs, pulseUs === 0 ? Number.NaN : pulseUs]);
    }
  };
  return { tracks, hear };
}

const [width, left, right, top] = [900, 70, 20, 50];
const [valueHeight, pulseHeight, gap] = [220, 90, 34];
const colours = { asked: "#999", allowed: "#06c", angle: "#d50", pulses: "#383" } as const;

/** The tracks below each other, each with its values above and its pulse widths below, over the seconds of the run. */
export function servoSvg(title: string, tracks: readonly ServoTrack[]): string {
  const times = tracks.flatMap(({ asked, allowed, angle }) =>
    [...asked, ...allowed, ...angle].map(([atUs]) => atUs),
  );
  const [fromUs, toUs] = [least(times), Math.max(least(times) + 1, -least(times.map((timeUs) => -timeUs)))];
  const x = (atUs: number) => left + ((atUs - fromUs) / (toUs - fromUs)) * (width - left - right);
  const each = valueHeight + pulseHeight + 3 * gap;
  const height = top + Math.max(1, tracks.length) * each;
  const body = tracks.flatMap((track, i) => panels(track, top + i * each, x, [fromUs, toUs]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${width / 2}" y="20" text-anchor="middle" font-size="14">${escaped(title)}</text>`,
    ...body,
    "</svg>\n",
  ].join("\n");
}

function panels(
  track: ServoTrack,
  y0: number,
  x: (atUs: number) => number,
  span: readonly [number, number],
): string[] {
  const { unit, min, max, asked, allowed, angle, pulses } = track;
  const inDeg = unit === "deg" ? [...asked, ...allowed, ...angle] : [...asked, ...allowed];
  const values = inDeg.map(([, value]) => value).filter(Number.isFinite);
  const y = scale([...values, min, max], y0 + gap, valueHeight);
  const yPulse = scale(
    pulses.map(([, us]) => us).filter(Number.isFinite),
    y0 + valueHeight + 2 * gap,
    pulseHeight,
  );
  const legend = (["asked", "allowed", "angle"] as const).map(
    (name, i) =>
      `<tspan fill="${colours[name]}"${i > 0 ? ' dx="14"' : ""}>${{ asked: "asked", allowed: "allowed by the guard", angle: "simulated servo" }[name]}</tspan>`,
  );
  const bounds = [min, max].map(
    (bound) =>
      `<line x1="${left}" y1="${y.at(bound)}" x2="${width - right}" y2="${y.at(bound)}" stroke="#c00" stroke-dasharray="5 4"/>`,
  );
  return [
    `<text x="${left}" y="${y0 + gap - 10}"><tspan font-weight="bold">${escaped(track.id)}</tspan> (${escaped(track.use)}), ${unit}   ${legend.join("")}</text>`,
    ...axes(y, x, span),
    ...bounds,
    ...lines(stepped(asked), x, y, colours.asked),
    ...lines(stepped(allowed), x, y, colours.allowed),
    ...(unit === "deg" ? lines(angle, x, y, colours.angle) : []),
    `<text x="${left}" y="${y0 + valueHeight + 2 * gap - 8}" fill="${colours.pulses}">pulse width, us</text>`,
    ...axes(yPulse, x, span),
    ...lines(stepped(pulses), x, yPulse, colours.pulses),
  ];
}

interface Scale {
  readonly ticks: readonly number[];
  readonly top: number;
  readonly bottom: number;
  at(value: number): string;
}

/** A scale of 1, 2 or 5 times a power of ten, around all values. */
function scale(values: readonly number[], top: number, height: number): Scale {
  const low = values.length > 0 ? least(values) : 0;
  const high = values.length > 0 ? -least(values.map((value) => -value)) : 1;
  const step = tickStep((high - low || 1) / 4);
  const [from, to] = [
    Math.floor(low / step) * step,
    Math.max(Math.ceil(high / step), Math.floor(low / step) + 1) * step,
  ];
  const count = Math.round((to - from) / step);
  return {
    ticks: Array.from({ length: count + 1 }, (_, i) => Number((from + i * step).toPrecision(12))),
    top,
    bottom: top + height,
    at: (value) => (top + ((to - value) / (to - from)) * height).toFixed(1),
  };
}

function tickStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return ([1, 2, 5].find((one) => one * power >= atLeast) ?? 10) * power;
}

function axes(y: Scale, x: (atUs: number) => number, [fromUs, toUs]: readonly [number, number]): string[] {
  const stepS = tickStep((toUs - fromUs) / 1e6 / 10);
  const seconds = Array.from(
    { length: Math.floor((toUs - fromUs) / 1e6 / stepS + 1e-9) + 1 },
    (_, i) => i * stepS,
  );
  return [
    ...y.ticks.flatMap((tick) => [
      `<line x1="${left}" y1="${y.at(tick)}" x2="${width - right}" y2="${y.at(tick)}" stroke="#e5e5e5"/>`,
      `<text x="${left - 8}" y="${y.at(tick)}" dy="4" text-anchor="end">${tick}</text>`,
    ]),
    ...seconds.map(
      (second) =>
        `<text x="${x(fromUs + second * 1e6).toFixed(1)}" y="${y.bottom + 16}" text-anchor="middle">${Number(second.toPrecision(6))} s</text>`,
    ),
  ];
}

/** A command holds until the next one. */
function stepped(points: readonly Point[]): Point[] {
  return points.flatMap(([atUs, value], i): Point[] =>
    i === 0
      ? [[atUs, value]]
      : [
          [atUs, points[i - 1]![1]],
          [atUs, value],
        ],
  );
}

/** One polyline for each stretch without a gap. */
function lines(points: readonly Point[], x: (atUs: number) => number, y: Scale, colour: string): string[] {
  const stretches: string[][] = [[]];
  for (const [atUs, value] of thinned(points, x)) {
    if (Number.isNaN(value)) stretches.push([]);
    else stretches.at(-1)!.push(`${x(atUs).toFixed(1)},${y.at(value)}`);
  }
  return stretches
    .filter((stretch) => stretch.length > 0)
    .map(
      (stretch) =>
        `<polyline points="${stretch.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
    );
}

/** Of the points in one column of pixels, the least, the largest and the last are enough for the same picture. */
function thinned(points: readonly Point[], x: (atUs: number) => number): Point[] {
  const kept: Point[] = [];
  for (let from = 0, to = 0; from < points.length; from = to) {
    const column = Math.floor(x(points[from]![0]));
    while (to < points.length && Math.floor(x(points[to]![0])) === column) to += 1;
    const inside = points.slice(from, to);
    if (inside.length <= 4 || inside.some(([, value]) => Number.isNaN(value))) kept.push(...inside);
    else {
      const low = inside.reduce((best, point) => (point[1] < best[1] ? point : best));
      const high = inside.reduce((best, point) => (point[1] > best[1] ? point : best));
      kept.push(...[low, high].sort((a, b) => a[0] - b[0]), inside.at(-1)!);
    }
  }
  return kept;
}

/** `Math.min` of any number of values. */
function least(values: readonly number[]): number {
  return values.reduce((best, value) => Math.min(best, value), Infinity);
}
