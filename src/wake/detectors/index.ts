/** Detectors: what wakes the network behind them. */

import { anyOptions } from "../../stage.ts";
import activity from "./activity.ts";
import anomaly from "./anomaly.ts";
import keyword from "./keyword.ts";

export { activity, anomaly, keyword };

/** All of them, for the catalog. */
export const detectors = [anyOptions(activity), anyOptions(anomaly), anyOptions(keyword)];
