/** Every bundled chip by name, and the document that describes one. */

import { nearestName, ReflexarcError } from "../errors.ts";
import { type Chip, checkChip, parseChip } from "./document.ts";
import { generic } from "./generic.ts";
import { loihi } from "./loihi.ts";
import { loihi2 } from "./loihi2.ts";
import { speck } from "./speck.ts";
import { spinnaker2 } from "./spinnaker2.ts";
import { truenorth } from "./truenorth.ts";
import { xylo } from "./xylo.ts";

export {
  type Chip,
  type Constant,
  checkChip,
  chipDocument,
  coreCount,
  coresMax,
  parseChip,
} from "./document.ts";

/** The bundled chips. */
export const chips: readonly Chip[] = [loihi, loihi2, truenorth, speck, xylo, spinnaker2, generic].map(
  (chip) => checkChip(chip, (path) => [chip.name, ...path].join(".")),
);

/** A bundled chip by its name, or a user's own by the path of its document. Throws a ReflexarcError. */
export function openChip(nameOrFile: string, readText: (path: string) => string): Chip {
  const bundled = chips.find(({ name }) => name === nameOrFile);
  if (bundled) return bundled;
  if (/\.(ya?ml|json)$/i.test(nameOrFile)) return parseChip(readText(nameOrFile), nameOrFile);
  const names = chips.map(({ name }) => name);
  const near = nearestName(nameOrFile, names);
  throw new ReflexarcError({
    kind: "usage",
    room: "chip",
    what: `there is no chip "${nameOrFile}"`,
    remedy: near
      ? `Did you mean "${near}"?`
      : `Chips are ${names.join(", ")}; or name a document of your own (.yaml).`,
  });
}
