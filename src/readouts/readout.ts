/** What every readout shares: the options of a command, and when it is said. */

import { z } from "zod";
import type { Packet } from "../events/packet.ts";
import { nextGridUs } from "../events/time.ts";
import type { Command, Unit } from "../safety/command.ts";
import type { Step } from "../stage.ts";

/** So many grid points without a spike (87 minutes at 20 ms) and a readout falls silent: a gap can't cost for ever. */
const quietPointsMax = 1 << 18;

/** Options of every readout; `create` gets them parsed. */
export const commandOptions = {
  command: z.string().min(1).optional().describe("label of the command; without it, the stage's id"),
  everyUs: z
    .int()
    .min(1000)
    .max(1_000_000)
    .default(20_000)
    .describe("grid of packet time on which a command is said, microseconds; one servo frame by default"),
  ttlUs: z
    .int()
    .positive()
    .default(100_000)
    .describe("how long a command may wait before it is stale, microseconds"),
};

/** A readout's own part. Both are told grid points, never the spans of packets, so no cut of the input can show. */
export interface Evidence {
  /** Takes the spikes `from` up to, not including, `to`: they count at `gridUs`, the first grid point after each of them. */
  hear(spikes: Packet, from: number, to: number, gridUs: number): void;
  /**
   * What the spikes so far ask for at `gridUs`; undefined when they are too few to say. Asked at the first grid point
   * after each spike at least; at later ones, without a new spike, undefined stays undefined.
   */
  valueAt(gridUs: number): number | undefined;
}

export interface Saying {
  /** The stage's id, the label where no other is given. */
  readonly id: string;
  readonly command?: string | undefined;
  readonly everyUs: number;
  readonly ttlUs: number;
  readonly unit: Unit;
  /** Said until there is evidence; without it nothing is said before. */
  readonly rest?: number | undefined;
}

/**
 * Says one command at each point of the grid. At grid point g all spikes with t < g count. Where the evidence is too
 * weak the last value is said again; before any evidence, `rest`, or nothing when there is none. After
 * 2^18 grid points without a spike it says nothing until the next spike.
 */
export function sayOnGrid(saying: Saying, evidence: Evidence): Step<"spikes", "commands"> {
  const { id, command: name = id, everyUs, ttlUs, unit } = saying;
  let value = saying.rest;
  let sequence = 0;
  let quietPoints = 0;
  return {
    step(spikes) {
      const { fromUs, toUs, count, times } = spikes;
      const commands: Command[] = [];
      let next = 0;
      for (let atUs = nextGridUs(fromUs, everyUs); ; ) {
        const first = next;
        while (next < count && times[next]! < atUs) next += 1;
        if (next > first) {
          evidence.hear(spikes, first, next, atUs);
          quietPoints = 0;
        }
        if (atUs > toUs) break;
        if (quietPoints < quietPointsMax) value = evidence.valueAt(atUs) ?? value;
        if (value !== undefined && quietPoints < quietPointsMax) {
          commands.push({ atUs, name, value, unit, ttlUs, sequence });
          sequence += 1;
          quietPoints += 1;
          atUs += everyUs;
        } else {
          // Nothing to say until another spike is heard.
          atUs = nextGridUs(next < count ? times[next]! : toUs, everyUs);
        }
      }
      return { fromUs, toUs, commands };
    },
    counts: () => ({ commands: sequence }),
  };
}
