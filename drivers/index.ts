/** Drivers: everything that touches the world. Sensors give events, actuators take what the guard allowed. */

import { anyOptions } from "../src/stage.ts";
import synthetic from "./synthetic.ts";

export { synthetic };

/** All of them, for the catalog. */
export const drivers = [anyOptions(synthetic)];
