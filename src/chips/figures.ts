/** Figures that share their source: what each bundled chip is written with. */

import type { Constant } from "./document.ts";

/** Makes figures of one source and basis. */
export function figuresFrom(source: string, basis: Constant["basis"]): (value: number) => Constant {
  return (value) => ({ value, basis, source });
}
