/** Detectors: what wakes the network behind them. */

import { anyOptions } from "../../stage.ts";
import activity from "./activity.ts";
import keyword from "./keyword.ts";

export { activity, keyword };

/** All of them, for the catalog. */
export const detectors = [anyOptions(activity), anyOptions(keyword)];
