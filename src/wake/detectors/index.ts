/** Detectors: what wakes the network behind them. */

import { anyOptions } from "../../stage.ts";
import activity from "./activity.ts";
import anomaly from "./anomaly.ts";
import keyword from "./keyword.ts";
import template from "./template.ts";

export { activity, anomaly, keyword, template };

/** All of them, for the catalog. */
export const detectors = [
  anyOptions(activity),
  anyOptions(anomaly),
  anyOptions(keyword),
  anyOptions(template),
];
