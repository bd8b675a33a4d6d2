/** Filters: camera events in, fewer or simpler camera events out. */

import { anyOptions } from "../stage.ts";
import backgroundActivity from "./background-activity.ts";
import crop from "./crop.ts";
import downsample from "./downsample.ts";
import hotPixel from "./hot-pixel.ts";
import polarity from "./polarity.ts";
import refractory from "./refractory.ts";

export { backgroundActivity, crop, downsample, hotPixel, polarity, refractory };

/** All of them, for the catalog. */
export const filters = [
  anyOptions(backgroundActivity),
  anyOptions(crop),
  anyOptions(downsample),
  anyOptions(hotPixel),
  anyOptions(polarity),
  anyOptions(refractory),
];
