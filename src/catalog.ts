/** Every built-in stage by name; drivers are added where the world is touched. */

import { core } from "./core/index.ts";
import { encoders } from "./encoders/index.ts";
import { filters } from "./filters/index.ts";
import { readouts } from "./readouts/index.ts";
import { anyOptions } from "./stage.ts";
import { detectors } from "./wake/detectors/index.ts";
import gate from "./wake/gate.ts";

/** What tells that something was said or has happened. */
export { detectors };

export const stages = [
  ...filters,
  ...encoders,
  anyOptions(core),
  ...detectors,
  anyOptions(gate),
  ...readouts,
];
