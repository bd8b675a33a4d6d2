/** Filters: camera events in, fewer or simpler camera events out. */

import { anyOptions } from "../stage.ts";
import backgroundActivity from "./background-activity.ts";
import crop from "./crop.ts";
import downsample from "./downsample.ts";
import flip from "./flip.ts";
import hotPixel from "./hot-pixel.ts";
import mask from "./mask.ts";
import polarity from "./polarity.ts";
import refractory from "./refractory.ts";
import region from "./region.ts";
import rescale from "./rescale.ts";
import rotate from "./rotate.ts";
import transpose from "./transpose.ts";
import undistort from "./undistort.ts";

export {
  backgroundActivity,
  crop,
  downsample,
  flip,
  hotPixel,
  mask,
  polarity,
  refractory,
  region,
  rescale,
  rotate,
  transpose,
  undistort,
};

/** All of them, for the catalog. */
export const filters = [
  anyOptions(backgroundActivity),
  anyOptions(crop),
  anyOptions(downsample),
  anyOptions(flip),
  anyOptions(hotPixel),
  anyOptions(mask),
  anyOptions(polarity),
  anyOptions(refractory),
  anyOptions(region),
  anyOptions(rescale),
  anyOptions(rotate),
  anyOptions(transpose),
  anyOptions(undistort),
];
