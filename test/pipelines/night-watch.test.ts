/** The bundled `night-watch`: each fault of the pump wakes it once and is told for what it is, and a calm night is silent. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import series, { openSeries } from "../../drivers/series.ts";
import { type PumpLoad, pumpLoad, seriesText } from "../../drivers/synthetic/telemetry.ts";
import { wallClock } from "../../src/clock.ts";
import { OperatorDesk } from "../../src/pipeline/operator.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { joinBroker, otherBroker } from "../support/mqtt.ts";
import { pumpOf } from "../support/recipes.ts";
import { catalogWith, root, runBundled, runText } from "../support/world.ts";

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

test("live: a blocked pipe, told row by row on a topic of somebody's broker, is an alarm on another topic of it", async () => {
  const broker = await otherBroker();
  const client = await joinBroker(broker.url);
  const ending = new AbortController();
  const desk = new OperatorDesk();
  const alarms: number[] = [];
  const begun = new Promise<void>((resolve) => {
    client.on("message", (topic, message) => {
      if (topic === "reflexarc/document/alarm/state") resolve();
      if (topic === "reflexarc/document/alarm/command")
        alarms.push(JSON.parse(String(message)).value ?? Number.NaN);
    });
  });
  await client.subscribeAsync("reflexarc/document/alarm/#");

  const text = readFileSync(join(root, "pipelines", "night-watch.yaml"), "utf8").replace(
    /\{ id: meter,.*\}/,
    `{ id: meter, use: mqtt-telemetry, url: "${broker.url}", topic: plant/pump/load }`,
  );
  const running = runText(text, {
    ...{ overrides: [`alarm.url=${broker.url}`], live: true, arm: true, speed: 1 },
    ...{ clock: wallClock(), signal: ending.signal, desk },
  });
  await begun;
  const [blocked] = recorded.faults;
  const loads = pumpLoad({ ...recorded, faults: [{ ...blocked!, forS: 1e6 }] });
  for (const [row, load] of loads.entries()) {
    await client.publishAsync("plant/pump/load", load.toFixed(2));
    // What is calm comes as fast as it can, far faster than the network was made for; the fault at a pace at which it can be told.
    if (row * recorded.everyS < blocked!.atS) continue;
    await new Promise((resolve) => setTimeout(resolve, 20));
    // A machine that stood still has disarmed it: that is not what is asked here.
    if (desk.status()?.actuators.some(({ state }) => state !== "armed")) desk.ask("arm");
    if (alarms.includes(135)) break;
  }
  ending.abort();
  const { summary } = await running;
  client.end(true);
  broker.close();
  expect(alarms).toContain(135);
  expect(summary.errors).toEqual([]);
  expect(summary.stages.find(({ id }) => id === "gate")!.duty!.wakings).toBeGreaterThanOrEqual(1);
}, 30_000);
