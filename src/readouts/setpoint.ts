/** Setpoint: the newest value of a channel as a command: what somebody set, or what a sensor measured. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { nextGridUs } from "../events/time.ts";
import { type Command, units } from "../safety/command.ts";
import { channelsIn, defineStage } from "../stage.ts";
import { commandOptions } from "./readout.ts";

/**
 * At grid point g the newest sample with t < g that is a number says
 *
 *     value = offset + gain sample
 *
 * as long as g - t <= holdUs. After that nothing is said until the next one: whoever follows it trips its watchdog then.
 * Throws a usage error for a channel that there is not.
 */
export default defineStage({
  name: "setpoint",
  about: "Says the newest value of a channel as a command, as long as it is fresh.",
  takes: "samples",
  gives: "commands",
  options: z.strictObject({
    ...commandOptions,
    channel: z.string().min(1).optional().describe("which channel; the first by default"),
    unit: z.enum(units).default("deg").describe("unit of the command"),
    gain: z.number().default(1).describe("the value for each unit of the channel"),
    offset: z.number().default(0).describe("the value where the channel is 0"),
    holdUs: z
      .int()
      .positive()
      .max(60_000_000)
      .default(200_000)
      .describe("how long a sample counts, microseconds"),
  }),
  create({ command, everyUs, ttlUs, channel, unit, gain, offset, holdUs }, context) {
    const { channels } = channelsIn(context);
    const index = channel === undefined ? 0 : channels.findIndex(({ name }) => name === channel);
    if (index < 0)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `there is no channel "${channel}"`,
        remedy: `Channels: ${channels.map(({ name }) => name).join(", ")}.`,
      });
    const name = command ?? context.id;
    let sample = Number.NaN;
    let sampleUs = Number.NEGATIVE_INFINITY;
    let sequence = 0;
    return {
      step(samples) {
        const { fromUs, toUs, count } = samples;
        const column = samples.columns[index]!;
        const commands: Command[] = [];
        let next = 0;
        const hearUntil = (gridUs: number) => {
          for (; next < count && samples.timeUs(next) < gridUs; next += 1) {
            if (Number.isNaN(column[next]!)) continue;
            sample = column[next]!;
            sampleUs = samples.timeUs(next);
          }
        };
        for (let atUs = nextGridUs(fromUs, everyUs); atUs <= toUs; ) {
          hearUntil(atUs);
          if (atUs - sampleUs <= holdUs) {
            commands.push({ atUs, name, value: offset + gain * sample, unit, ttlUs, sequence });
            sequence += 1;
            atUs += everyUs;
          } else if (next < count) {
            // Nothing to say until another sample is heard.
            atUs = nextGridUs(samples.timeUs(next), everyUs);
          } else break;
        }
        hearUntil(toUs);
        return { fromUs, toUs, commands };
      },
      counts: () => ({ commands: sequence }),
    };
  },
});
