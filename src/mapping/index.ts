/** A network on a chip: its layout on the cores, the way of its spikes, its quantised weights, and what it costs. */

export { type Account, type ChipLedger, openAccount } from "./account.ts";
export { type Counts, clockedMachine, constantsOf, type Energy, energyOf } from "./bill.ts";
export { drawLayout } from "./draw.ts";
export { Ground, type Refusal, type Span } from "./ground.ts";
export {
  byCore,
  type Fit,
  holdersOf,
  type Layout,
  layoutGreedily,
  mapNetwork,
  refusalsOf,
  type Slice,
  tellRefusal,
} from "./layout.ts";
export { type Link, linksOf } from "./links.ts";
export { StepLoad } from "./load.ts";
export { type Quantised, type QuantisedProjection, quantise } from "./quantise.ts";
export { isAlongX, port, type Route, routeBetween } from "./routes.ts";
export { type CountInto, countAlong } from "./rows.ts";
export { countsOf, type Found, type SearchOptions, searchLayout } from "./search.ts";
export { type Rates, Traffic } from "./traffic.ts";
