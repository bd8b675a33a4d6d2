/** What the synthetic camera looks at: one shape on an even background, at a place that is known for any time. */

import { seededRandom, seedFor } from "../../src/random.ts";
import { digitCoverage, digitSizePx } from "./digits.ts";

export const sceneNames = ["moving-dot", "bar", "looming-disc", "bouncing-ball", "digit-saccades"] as const;
export type SceneName = (typeof sceneNames)[number];

export interface SceneOptions {
  readonly scene: SceneName;
  readonly width: number;
  readonly height: number;
  readonly durationMs: number;
  /** Dot, ball and last disc: diameter; bar: width. Digits have a size of their own. */
  readonly sizePx: number;
  /** Dot: its fastest along x; bar and ball: always. */
  readonly speedPxPerS: number;
  readonly digits: string;
  readonly digitMs: number;
}

/** Centre of the shape in pixels (a pixel's own centre is at whole numbers), and half its extent. */
export interface Truth {
  readonly x: number;
  readonly y: number;
  readonly radiusPx: number;
}

export interface Scene {
  truth(timeUs: number): Truth;
  /** Moves the shape to its place at a time; the other two speak of that place. */
  place(timeUs: number): void;
  /** Outside of `x0 <= x <= x1` and `y0 <= y <= y1` no pixel sees the shape. */
  readonly box: { x0: number; y0: number; x1: number; y1: number };
  /** How much of a pixel the shape covers, 0 to 1. */
  coverage(x: number, y: number): number;
}

/** The shape's place at a time: the ground truth that a follower or a goalkeeper is measured against. */
export function sceneTruth(options: SceneOptions, seed: number, timeUs: number): Truth {
  return path(options, seed)(timeUs);
}

/** When and where along x the ball of `bouncing-ball` touches the bottom edge, the goal line. */
export function goalCrossings(options: SceneOptions, seed: number): { timeUs: number; x: number }[] {
  const { startY, speedY, low, highY } = launch(options, seed);
  const truth = path(options, seed);
  const crossings = [];
  const roundTripUs = (2e6 * (highY - low)) / speedY;
  for (
    let timeUs = (1e6 * (highY - startY)) / speedY;
    timeUs < options.durationMs * 1000;
    timeUs += roundTripUs
  )
    crossings.push({ timeUs, x: truth(timeUs).x });
  return crossings;
}

export function openScene(options: SceneOptions, seed: number): Scene {
  const truth = path(options, seed);
  const box = { x0: 0, y0: 0, x1: 0, y1: 0 };
  let now = truth(0);
  let digit = 0;
  const place = (timeUs: number) => {
    now = truth(timeUs);
    digit = shownDigit(options, timeUs);
    const reachX = now.radiusPx + 1;
    const reachY = options.scene === "bar" ? options.height : reachX;
    box.x0 = Math.max(0, Math.floor(now.x - reachX));
    box.y0 = Math.max(0, Math.floor(now.y - reachY));
    box.x1 = Math.min(options.width - 1, Math.ceil(now.x + reachX));
    box.y1 = Math.min(options.height - 1, Math.ceil(now.y + reachY));
  };
  const edge = (distancePx: number) => Math.min(1, Math.max(0, now.radiusPx + 0.5 - distancePx));
  const disc = (x: number, y: number) => {
    const dx = x - now.x;
    const dy = y - now.y;
    return edge(Math.sqrt(dx * dx + dy * dy));
  };
  const shapes: Record<SceneName, Scene["coverage"]> = {
    "moving-dot": disc,
    "looming-disc": disc,
    "bouncing-ball": disc,
    bar: (x) => edge(Math.abs(x - now.x)),
    "digit-saccades": (x, y) => (digit < 0 ? 0 : digitCoverage(digit, x - now.x, y - now.y)),
  };
  return { truth, place, box, coverage: shapes[options.scene] };
}

function path(options: SceneOptions, seed: number): (timeUs: number) => Truth {
  const { scene, width, height, durationMs, sizePx, speedPxPerS, digitMs } = options;
  const radiusPx = sizePx / 2;
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  if (scene === "moving-dot") {
    // A figure of eight: x swings once while y swings twice, each fastest through the centre.
    const swingX = 0.44 * width;
    const swingY = 0.13 * height;
    const perUs = speedPxPerS / swingX / 1e6;
    return (timeUs) => ({
      x: centreX + swingX * Math.sin(perUs * timeUs),
      y: centreY + swingY * Math.sin(2 * perUs * timeUs),
      radiusPx,
    });
  }
  if (scene === "bar")
    return (timeUs) => ({ x: fold((speedPxPerS * timeUs) / 1e6, 0, width - 1), y: centreY, radiusPx });
  if (scene === "looming-disc")
    // Constant speed of approach: the seen size grows as one over the distance, tenfold until the end.
    return (timeUs) => ({
      x: centreX,
      y: centreY,
      radiusPx: radiusPx / Math.max(1, 10 - (9 * timeUs) / (durationMs * 1000)),
    });
  if (scene === "bouncing-ball") {
    const { startX, startY, speedX, speedY, low, highX, highY } = launch(options, seed);
    return (timeUs) => ({
      x: fold(startX + (speedX * timeUs) / 1e6, low, highX),
      y: fold(startY + (speedY * timeUs) / 1e6, low, highY),
      radiusPx,
    });
  }
  return (timeUs) => {
    const [dx, dy] = saccade(((timeUs / 1000) % digitMs) / digitMs);
    return { x: centreX + dx, y: centreY + dy, radiusPx: digitSizePx / 2 };
  };
}

/** The ball starts in the upper third and runs down, at most 50 degrees off the vertical. */
function launch({ width, height, sizePx, speedPxPerS }: SceneOptions, seed: number) {
  const random = seededRandom(seedFor(seed, "ball"));
  const low = sizePx / 2;
  // A ball that fills the picture still has a pixel to go.
  const highX = Math.max(low + 1, width - 1 - low);
  const highY = Math.max(low + 1, height - 1 - low);
  const angle = ((random() * 2 - 1) * 50 * Math.PI) / 180;
  return {
    startX: low + random() * (highX - low),
    startY: low + (random() * (highY - low)) / 3,
    speedX: speedPxPerS * Math.sin(angle),
    speedY: speedPxPerS * Math.cos(angle),
    low,
    highX,
    highY,
  };
}

/** A straight line folded between two walls: what an elastic bounce does to a coordinate. */
function fold(value: number, low: number, high: number): number {
  const span = high - low;
  const along = (((value - low) % (2 * span)) + 2 * span) % (2 * span);
  return low + (along < span ? along : 2 * span - along);
}

/** Corners of the three saccades of N-MNIST, pixels: an isosceles triangle (Orchard et al. 2015). */
export const saccadeCorners = [
  [-3, -2.5],
  [0, 3.5],
  [3, -2.5],
  [-3, -2.5],
] as const;

/** Where the eye's movement puts the digit; three quarters of a digit's time are saccades, then nothing is shown. */
function saccade(phase: number): [dx: number, dy: number] {
  const leg = Math.min(2.999, phase * 4);
  const from = saccadeCorners[Math.floor(leg)]!;
  const to = saccadeCorners[Math.floor(leg) + 1]!;
  const part = leg - Math.floor(leg);
  // Speeds up, then slows down, and rests at each corner for a moment.
  const eased = part * part * (3 - 2 * part);
  return [from[0] + (to[0] - from[0]) * eased, from[1] + (to[1] - from[1]) * eased];
}

/** The digit on show, or -1 between two of them. */
export function shownDigit({ digits, digitMs }: SceneOptions, timeUs: number): number {
  const turn = timeUs / 1000 / digitMs;
  const digit = digits.charCodeAt(Math.floor(turn) % digits.length) - 48;
  return turn % 1 < 0.75 ? digit : -1;
}
