/** The colours of every picture, by number: ramps for heat and for each polarity, and what text and axes are drawn in. */

type Rgb = readonly [red: number, green: number, blue: number];

export const heatLevels = 128;
export const polarityLevels = 48;
/** ON and OFF events of a pixel are told apart up to this many. */
export const countMax = 3;

const heatFirst = 0;
const onFirst = heatFirst + heatLevels;
const offFirst = onFirst + polarityLevels;
const countsFirst = offFirst + polarityLevels;

/** For 0 (nothing) to 1. */
export function heatColour(share: number): number {
  return heatFirst + levelOf(share, heatLevels);
}

/** For an event's polarity, from 0 (background) to 1 (the polarity's own colour). */
export function polarityColour(on: number, share: number): number {
  return (on === 1 ? onFirst : offFirst) + levelOf(share, polarityLevels);
}

/** For counts of ON and OFF events, each up to `countMax`. */
export function countsColour(on: number, off: number): number {
  return countsFirst + Math.min(on, countMax) * (countMax + 1) + Math.min(off, countMax);
}

const inkFirst = countsFirst + (countMax + 1) ** 2;
/** Numbers of the colours that aren't a ramp. */
export const ink = {
  background: inkFirst,
  grid: inkFirst + 1,
  faint: inkFirst + 2,
  text: inkFirst + 3,
} as const;

const background: Rgb = [14, 16, 23];
const onColour: Rgb = [255, 158, 66];
const offColour: Rgb = [70, 160, 255];
const white: Rgb = [245, 245, 250];

/** Dark to bright, evenly for the eye: eight points of matplotlib's inferno, whose first is our background. */
const heatPoints: readonly Rgb[] = [
  background,
  [43, 11, 84],
  [101, 21, 110],
  [159, 42, 99],
  [212, 72, 66],
  [245, 125, 21],
  [250, 193, 39],
  [252, 255, 164],
];

/** Red, green and blue of every colour. */
export const palette: Uint8Array = Uint8Array.from(
  [
    ...ramp(heatLevels, (share) => between(heatPoints, share)),
    ...ramp(polarityLevels, (share) => between([background, onColour], share)),
    ...ramp(polarityLevels, (share) => between([background, offColour], share)),
    ...counts(),
    background,
    [38, 42, 54] as Rgb,
    [120, 126, 142] as Rgb,
    [220, 223, 230] as Rgb,
  ].flat(),
);

function* counts(): Generator<Rgb> {
  for (let on = 0; on <= countMax; on++)
    for (let off = 0; off <= countMax; off++) {
      if (on === 0 && off === 0) {
        yield background;
        continue;
      }
      // Where both polarities fired the colour goes to white; more events are brighter.
      const hue = between([offColour, white, onColour], on / (on + off));
      yield between([background, hue], 0.4 + (0.6 * Math.max(on, off)) / countMax);
    }
}

function* ramp(levels: number, colour: (share: number) => Rgb): Generator<Rgb> {
  for (let level = 0; level < levels; level++) yield colour(level / (levels - 1));
}

function between(points: readonly Rgb[], share: number): Rgb {
  const place = share * (points.length - 1);
  const at = Math.min(points.length - 2, Math.floor(place));
  const [low, high] = [points[at]!, points[at + 1]!];
  const mix = (channel: 0 | 1 | 2) =>
    Math.round(low[channel] + (high[channel] - low[channel]) * (place - at));
  return [mix(0), mix(1), mix(2)];
}

function levelOf(share: number, levels: number): number {
  return Math.max(0, Math.min(levels - 1, Math.round(share * (levels - 1))));
}
