/** Simulated telemetry: a pump whose load swings with the day's demand, until something happens to it. */

import { seededNormal, seededRandom } from "../../src/random.ts";

export interface PumpFault {
  readonly atS: number;
  readonly forS: number;
  /** What it adds to the load, percent: a blocked pipe more, a dry pump less. */
  readonly load: number;
}

export interface PumpLoad {
  readonly seed: number;
  readonly durationS: number;
  /** Time between two rows, seconds. */
  readonly everyS: number;
  /** Period of the demand, seconds. */
  readonly swingS: number;
  readonly faults: readonly PumpFault[];
}

/** The load in percent, row by row: 50, a swing of 15, noise of 1.5, and the faults. */
export function pumpLoad({ seed, durationS, everyS, swingS, faults }: PumpLoad): Float64Array {
  const normal = seededNormal(seededRandom(seed));
  return Float64Array.from({ length: Math.floor(durationS / everyS) }, (_, row) => {
    const atS = row * everyS;
    const demand = 50 + 15 * Math.sin((2 * Math.PI * atS) / swingS);
    const fault = faults.reduce(
      (sum, one) => sum + (atS >= one.atS && atS < one.atS + one.forS ? one.load : 0),
      0,
    );
    return demand + fault + 1.5 * normal();
  });
}

/** A series as text: times in seconds, loads with two decimals. */
export function seriesText(loads: ArrayLike<number>, everyS: number): string {
  const rows = Array.from(loads, (load, row) => `${(row * everyS).toFixed(1)},${load.toFixed(2)}\n`);
  return `time,load\n${rows.join("")}`;
}
