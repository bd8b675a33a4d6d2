/** Encoders: camera events or samples in, spikes of input neurons out. */

import { anyOptions } from "../stage.ts";
import cochlea from "./cochlea.ts";
import opticalFlow from "./optical-flow.ts";
import phaseCode from "./phase-code.ts";
import placeCode from "./place-code.ts";
import polarityGrid from "./polarity-grid.ts";
import population from "./population.ts";
import pulseCount from "./pulse-count.ts";
import rateCode from "./rate-code.ts";
import sigmaDelta from "./sigma-delta.ts";
import timeSurface from "./time-surface.ts";

export {
  cochlea,
  opticalFlow,
  phaseCode,
  placeCode,
  polarityGrid,
  population,
  pulseCount,
  rateCode,
  sigmaDelta,
  timeSurface,
};

/** All of them, for the catalog. */
export const encoders = [
  anyOptions(cochlea),
  anyOptions(opticalFlow),
  anyOptions(phaseCode),
  anyOptions(placeCode),
  anyOptions(polarityGrid),
  anyOptions(population),
  anyOptions(pulseCount),
  anyOptions(rateCode),
  anyOptions(sigmaDelta),
  anyOptions(timeSurface),
];
