/** `follow` on real recordings: the pan that it commands goes with the middle of what the camera saw. */

import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import recording from "../../drivers/recording.ts";
import { xOf } from "../../src/events/geometry.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { catalogWith, root, runBundled } from "../support/world.ts";

const shared = resolve(root, process.env.REFLEXARC_SHARED ?? "../shared", "recordings");
const files = ["aedat4", "aedat2"].flatMap((folder) =>
  readdirSync(resolve(shared, folder))
    .filter((file) => !file.endsWith(".csv"))
    .map((file) => resolve(shared, folder, file)),
);
const sizes = new Set<string>();

/** Time constant of the low-passed centroid, microseconds. */
const tauUs = 50_000;

describe("follow", () => {
  test.each(files)("%s", async (file) => {
    const seen: { timeUs: number; x: number }[] = [];
    let size = "";
    const watched = defineSensor({
      ...recording,
      async open(options, context) {
        const sensor = await recording.open(options, context);
        size = `${sensor.geometry.width}x${sensor.geometry.height}`;
        async function* packets() {
          for await (const packet of sensor.packets) {
            for (let i = 0; i < packet.count; i++)
              seen.push({ timeUs: packet.times[i]!, x: xOf(packet.addresses[i]!) });
            yield packet;
          }
        }
        return { ...sensor, packets: packets() };
      },
    });
    const { trace } = await runBundled("follow", {
      overrides: [`eye.file=${JSON.stringify(file)}`],
      catalog: catalogWith(anyOptions(watched)),
    });
    // Headers alone, and cameras that were never switched on.
    if (seen.length < 1000) return;
    sizes.add(size);
    const pan = trace
      .map((line) => JSON.parse(line) as { stage?: string; atUs: number; value?: number })
      .filter(({ stage, value }) => stage === "aim-pan" && value !== undefined);
    expect(pan.length).toBeGreaterThan(5);
    const centroid = lowPassed(
      seen,
      pan.map(({ atUs }) => atUs),
    );
    const r = correlation(
      pan.map(({ value }) => value!),
      centroid,
    );
    console.log(`${size}, ${seen.length} events, ${pan.length} commands: r = ${r.toFixed(3)}`);
    expect(r).toBeGreaterThan(0.8);
  });

  test("has seen cameras of four sizes", () => {
    expect([...sizes].sort()).toEqual(["128x128", "240x180", "346x260", "640x480"]);
  });
});

/** Mean column of all events so far, each weighted by exp(-age / tau), at some times. */
function lowPassed(events: readonly { timeUs: number; x: number }[], atUs: readonly number[]): number[] {
  let next = 0;
  let weight = 0;
  let moment = 0;
  let asOfUs = events[0]!.timeUs;
  return atUs.map((gridUs) => {
    const faded = Math.exp((asOfUs - gridUs) / tauUs);
    weight *= faded;
    moment *= faded;
    for (; next < events.length && events[next]!.timeUs < gridUs; next++) {
      const fresh = Math.exp((events[next]!.timeUs - gridUs) / tauUs);
      weight += fresh;
      moment += fresh * events[next]!.x;
    }
    asOfUs = gridUs;
    return moment / weight;
  });
}

/** Pearson's. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [da, db] = [a[i]! - meanA, b[i]! - meanB];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return ab / Math.sqrt(aa * bb);
}
