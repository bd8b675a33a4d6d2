/** Readouts: output spikes in, or a signal, and commands out. */

import { anyOptions } from "../stage.ts";
import mostSpikes from "./most-spikes.ts";
import populationVector from "./population-vector.ts";
import rate from "./rate.ts";
import setpoint from "./setpoint.ts";
import winnerTakeAll from "./winner-take-all.ts";

export { mostSpikes, populationVector, rate, setpoint, winnerTakeAll };

/** All of them, for the catalog. */
export const readouts = [
  anyOptions(mostSpikes),
  anyOptions(populationVector),
  anyOptions(rate),
  anyOptions(setpoint),
  anyOptions(winnerTakeAll),
];
