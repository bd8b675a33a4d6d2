/** `npm run bench`: every benchmark that makes no large files, or the ones that are named. */

import { machine, printTable, type Row } from "./measure.ts";

const benches: Record<string, () => Promise<Row[]>> = {
  "packet-layout": async () => (await import("./packet-layout.ts")).packetLayouts(),
  core: async () =>
    (await import("./core.ts")).benchCore().flatMap(({ name, inputMevPerS, synapticMopsPerS }) => [
      { what: name, value: inputMevPerS, unit: "M input spikes/s" },
      { what: "  of it", value: synapticMopsPerS, unit: "M synaptic operations/s" },
    ]),
  arc: async () => (await import("./arc.ts")).wholeArc(),
  stall: async () => (await import("./stall.ts")).benchStall(),
};

/** The first number among the words: `latency 10` takes ten seconds in place of sixty. */
const secondsOr = (given: number) => Number(process.argv.find((word) => /^\d+$/.test(word)) ?? given);

/** Run only by name. */
const large: Record<string, () => Promise<Row[]>> = {
  "core-rivals": async () => (await import("./core-rivals.ts")).benchCoreRivals(),
  filters: async () => (await import("./filters.ts")).benchFilters(),
  decode: async () => (await import("./decode.ts")).benchDecode(),
  latency: async () => (await import("./latency.ts")).wayOfAPacket(secondsOr(60)),
  asleep: async () => (await import("./asleep.ts")).benchAsleep(secondsOr(60)),
};

const names = process.argv.slice(2).filter((name) => name in benches || name in large);
console.log(machine());
for (const [name, rows] of Object.entries({ ...benches, ...large })) {
  if (names.length === 0 ? name in benches : names.includes(name)) printTable(name, await rows());
}
