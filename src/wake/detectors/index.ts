/** Detectors: what wakes the network behind them. */

import { anyOptions } from "../../stage.ts";
import keyword from "./keyword.ts";

export { keyword };

/** All of them, for the catalog. */
export const detectors = [anyOptions(keyword)];
