/** What every live sensor keeps: its options are described, it ticks in silence, and lets go at the end. */

import { expect, test } from "vitest";
import type { z } from "zod";
import type { Sensor, SensorDefinition } from "../../src/stage.ts";
import { collect, eventsOfAll, type LiveContext, liveContext, pass, turn } from "./live.ts";

export interface SensorCase<Options> {
  readonly definition: SensorDefinition<Options> & { options: z.ZodObject };
  readonly options: object;
  /** Opens it at a fake or real peer. */
  open(options: Options, context: LiveContext): Promise<Sensor>;
}

export function sensorContract<Options>({ definition, options: given, open }: SensorCase<Options>): void {
  test("says what it is, and what each option means", () => {
    expect(definition.name).toMatch(/^[a-z]+[a-z0-9]*(-[a-z]+)*$/);
    expect(definition.about).toMatch(/^[A-Z].*\.$/);
    expect(definition.live).toBe(true);
    for (const [name, option] of Object.entries(definition.options.shape))
      expect((option as z.ZodType).description, name).toMatch(/./);
    expect(() => definition.options.parse({ ...given, misspelt: 1 })).toThrow(/misspelt/);
  });

  test("tells time while nothing comes, and ends with the run", async () => {
    const context = liveContext();
    const sensor = await open(definition.options.parse(given) as Options, context);
    const { packets, ended } = collect(sensor.packets);
    await pass(context.clock, 30_000, 1000);
    expect(eventsOfAll(packets)).toEqual([]);
    expect(packets.length).toBeGreaterThan(8);
    expect(sensor.lost?.()).toEqual({});
    context.ending.abort();
    await ended;
    await turn();
  });
}

/** Lets sockets have their turn until `look` answers true. */
export async function until(what: string, look: () => boolean, context?: LiveContext): Promise<void> {
  for (let i = 0; i < 20_000; i++) {
    if (look()) return;
    await turn();
    if (context && i % 10 === 0) context.clock.advance(context.clock.nowUs() + 500);
  }
  throw new Error(`not seen: ${what}`);
}
