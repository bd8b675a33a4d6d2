/** A network from an HDF5 file's tree, whichever of the formats it is. */

import type { Network } from "./network.ts";
import { networkFromNetx } from "./netx.ts";
import { networkFromNir } from "./nir.ts";
import type { DataTree } from "./tree.ts";

/** NetX keeps its layers under `/layer`, NIR its graph under `/node`. Throws a ReflexarcError. */
export function networkFromTree(tree: DataTree, file: string): Network {
  return tree.has("layer") ? networkFromNetx(tree, file) : networkFromNir(tree, file);
}
