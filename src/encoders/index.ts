/** Encoders: camera events or samples in, spikes of input neurons out. */

import { anyOptions } from "../stage.ts";
import cochlea from "./cochlea.ts";
import opticalFlow from "./optical-flow.ts";
import placeCode from "./place-code.ts";
import polarityGrid from "./polarity-grid.ts";
import population from "./population.ts";
import pulseCount from "./pulse-count.ts";
import timeSurface from "./time-surface.ts";

export { cochlea, opticalFlow, placeCode, polarityGrid, population, pulseCount, timeSurface };

/** All of them, for the catalog. */
export const encoders = [
  anyOptions(cochlea),
  anyOptions(opticalFlow),
  anyOptions(placeCode),
  anyOptions(polarityGrid),
  anyOptions(population),
  anyOptions(pulseCount),
  anyOptions(timeSurface),
];
