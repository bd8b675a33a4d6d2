/** The bundled `night-watch`: each fault of the pump wakes it once and is told for what it is, and a calm night is silent. */

import { expect, test } from "vitest";
import series, { openSeries } from "../../drivers/series.ts";
import { type PumpLoad, pumpLoad, seriesText } from "../../drivers/synthetic/telemetry.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { pumpOf } from "../support/recipes.ts";
import { catalogWith, runBundled } from "../support/world.ts";

const recorded = pumpOf("pump-load.csv");

async function watch(pump: PumpLoad) {
  const text = new TextEncoder().encode(seriesText(pumpLoad(pump), pump.everyS));
  const simulated = defineSensor({
    ...series,
    open: (options, context) =>
      openSeries(options, context, async function* () {
        yield text;
      }),
  });
  const { trace, summary } = await runBundled("night-watch", { catalog: catalogWith(anyOptions(simulated)) });
  const alarms: [atS: number, value: number][] = [];
  const strange: number[] = [];
  for (const line of trace) {
    const { stage, atUs, value, spikes } = JSON.parse(line) as Record<string, never> & {
      stage?: string;
      spikes?: [number, number][];
    };
    if (stage === "odd") strange.push(...spikes!.map(([timeUs]) => timeUs / 1e6));
    if (stage === "verdict" && value !== alarms.at(-1)?.[1]) alarms.push([atUs / 1e6, value]);
  }
  return { alarms, strange, summary };
}

test("a blocked pipe and a dry pump: each is strange within a second, and told for what it is within three", async () => {
  const { alarms, strange, summary } = await watch(recorded);
  expect(summary.exitCode).toBe(0);
  expect(alarms.map(([, value]) => value)).toEqual([90, 135, 90, 45, 90]);
  for (const [k, { atS }] of recorded.faults.entries()) {
    expect(strange.some((s) => s >= atS && s < atS + 1)).toBe(true);
    expect(alarms[1 + 2 * k]![0] - atS).toBeLessThan(3);
  }
  // It may wake for nothing, and when a fault is over; most of the night it sleeps.
  expect(strange.length).toBeLessThanOrEqual(6);
  const { duty } = summary.stages.find(({ id }) => id === "gate")!;
  expect(duty!.asleepUs / (duty!.asleepUs + duty!.armedUs + duty!.awakeUs)).toBeGreaterThan(0.7);
});

test("a calm night gives no alarm, and what wakes it is little", async () => {
  for (const seed of [4, 5, 6]) {
    const { alarms, strange, summary } = await watch({ ...recorded, seed, faults: [] });
    expect(strange.length).toBeLessThanOrEqual(4);
    expect(alarms.map(([, value]) => value)).toEqual([90]);
    expect(summary.exitCode).toBe(0);
  }
});
