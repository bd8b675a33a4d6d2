/** Filters: camera events in, fewer or simpler camera events out. */

import { anyOptions } from "../stage.ts";
import antiFlicker from "./anti-flicker.ts";
import backgroundActivity from "./background-activity.ts";
import clusterTracker from "./cluster-tracker.ts";
import corners from "./corners.ts";
import crop from "./crop.ts";
import downsample from "./downsample.ts";
import eventRateLimit from "./event-rate-limit.ts";
import flip from "./flip.ts";
import hotPixel from "./hot-pixel.ts";
import lineTracker from "./line-tracker.ts";
import mask from "./mask.ts";
import polarity from "./polarity.ts";
import refractory from "./refractory.ts";
import region from "./region.ts";
import regularize from "./regularize.ts";
import rescale from "./rescale.ts";
import rotate from "./rotate.ts";
import spatioTemporalCorrelation from "./spatio-temporal-correlation.ts";
import surfaceThreshold from "./surface-threshold.ts";
import transpose from "./transpose.ts";
import undistort from "./undistort.ts";

export {
  antiFlicker,
  backgroundActivity,
  clusterTracker,
  corners,
  crop,
  downsample,
  eventRateLimit,
  flip,
  hotPixel,
  lineTracker,
  mask,
  polarity,
  refractory,
  region,
  regularize,
  rescale,
  rotate,
  spatioTemporalCorrelation,
  surfaceThreshold,
  transpose,
  undistort,
};

/** All of them, for the catalog. */
export const filters = [
  anyOptions(antiFlicker),
  anyOptions(backgroundActivity),
  anyOptions(clusterTracker),
  anyOptions(corners),
  anyOptions(crop),
  anyOptions(downsample),
  anyOptions(eventRateLimit),
  anyOptions(flip),
  anyOptions(hotPixel),
  anyOptions(lineTracker),
  anyOptions(mask),
  anyOptions(polarity),
  anyOptions(refractory),
  anyOptions(region),
  anyOptions(regularize),
  anyOptions(rescale),
  anyOptions(rotate),
  anyOptions(spatioTemporalCorrelation),
  anyOptions(surfaceThreshold),
  anyOptions(transpose),
  anyOptions(undistort),
];
