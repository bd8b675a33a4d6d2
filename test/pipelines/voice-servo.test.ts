/** The bundled `voice-servo`: each digit that is said moves the pointer, once, and silence or noise moves nothing. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { wavBytes } from "../../drivers/synthetic/sound.ts";
import { type SpokenDigits, speakDigits } from "../../drivers/synthetic/voice.ts";
import wav, { openWav } from "../../drivers/wav.ts";
import { seededNormal, seededRandom } from "../../src/random.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { voiceOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";
import { catalogWith, root, runText } from "../support/world.ts";

const recorded = voiceOf("spoken-digits.wav");
/** Words are told so long after their end at the latest. */
const lateUsMax = 300_000;

/** The sensor `wav`, with this column in place of its file. */
function soundOf(column: Float32Array, rateHz: number) {
  const file = wavBytes([column], rateHz);
  const heard = defineSensor({
    ...wav,
    open: (options, context) =>
      openWav(options, context, async function* () {
        yield file;
      }),
  });
  return anyOptions(heard);
}

/** The spikes of one stage in a trace. */
function spikesOf(trace: readonly string[], id: string): [timeUs: number, word: number][] {
  return trace.flatMap((line) => {
    const { stage, spikes } = JSON.parse(line) as { stage: string; spikes?: [number, number][] };
    return stage === id ? spikes! : [];
  });
}

async function hear(column: Float32Array, rateHz: number) {
  const definitions = [soundOf(column, rateHz)];
  const { trace, servos } = await watchServos("voice-servo", { definitions, detail: "list" });
  return { told: spikesOf(trace, "word"), angle: servos.get("pointer")!.angles() };
}

/** The words that were told, and whether each came within 300 ms of its end. */
async function listen(scene: SpokenDigits) {
  const { column, spoken } = speakDigits(scene);
  return { spoken, ...(await hear(column, scene.rateHz)) };
}

test("each word of the recording is told once, within 300 ms of its end, and the pointer goes there", async () => {
  const { spoken, told, angle } = await listen(recorded);
  expect(told.map(([, word]) => word)).toEqual(spoken.map(({ digit }) => digit));
  for (const [k, { digit, fromUs, toUs }] of spoken.entries()) {
    expect(told[k]![0]).toBeGreaterThan(fromUs);
    expect(told[k]![0]).toBeLessThan(toUs + lateUsMax);
    expect(Math.abs(angle(toUs + 700_000) - (45 + 10 * digit))).toBeLessThan(2);
  }
});

test("noise alone tells no word", async () => {
  const normal = seededNormal(seededRandom(1));
  const noise = Float32Array.from({ length: 8 * 8000 }, () => 0.02 * normal());
  expect((await hear(noise, 8000)).told).toEqual([]);
});

test("four and six from two other simulated voices", async () => {
  for (const seed of [2, 3]) {
    const { told } = await listen({ ...recorded, seed, digits: "4 6" });
    expect(told.map(([, word]) => word)).toEqual([4, 6]);
  }
});

/** Few words, and a rattle of ticks too short to wake anybody: each a hiss that fades. */
function rattlingRoom(scene: SpokenDigits) {
  const { column, spoken } = speakDigits(scene);
  const { rateHz } = scene;
  const random = seededRandom(scene.seed);
  const normal = seededNormal(random);
  const tickSamples = 0.01 * rateHz;
  for (let at = 0; at < column.length; at += Math.round(rateHz * (0.03 + 0.04 * random()))) {
    const nowUs = (at * 1e6) / rateHz;
    // Words are said while it pauses, so that both networks hear the same.
    if (spoken.some(({ fromUs, toUs }) => nowUs > fromUs - 500_000 && nowUs < toUs + 800_000)) continue;
    for (let i = 0; i < tickSamples && at + i < column.length; i++)
      column[at + i]! += 0.15 * normal() * Math.exp((-5 * i) / tickSamples);
  }
  return { column, spoken };
}

test("few words in a rattling room: the gate spares 20 of 21 synaptic operations, and tells the same words", async () => {
  const { column, spoken } = rattlingRoom({ ...recorded, digits: "4 4", everyMs: 60_000 });
  const document = parse(readFileSync(join(root, "pipelines/voice-servo.yaml"), "utf8"));
  const { brain, word } = Object.fromEntries(
    document.stages.map((stage: { id: string }) => [stage.id, stage]),
  );
  // The same network beside it, always on.
  document.stages.push({ ...brain, id: "always", from: "cochlea" }, { ...word, id: "always-word" });
  const { summary, trace } = await runText(JSON.stringify(document), {
    catalog: catalogWith(soundOf(column, recorded.rateHz)),
    detail: "list",
  });
  const told = spikesOf(trace, "word");
  expect(told.map(([, digit]) => digit)).toEqual(spoken.map(({ digit }) => digit));
  const always = spikesOf(trace, "always-word");
  expect(always.map(([, digit]) => digit)).toEqual(told.map(([, digit]) => digit));
  // What rattled before has left its mark on the network that was awake all the time.
  for (const [k, [timeUs]] of told.entries()) {
    expect(Math.abs(timeUs - always[k]![0])).toBeLessThan(200_000);
    expect(timeUs).toBeLessThan(spoken[k]!.toUs + lateUsMax);
  }
  const of = (id: string) => summary.stages.find((stage) => stage.id === id)!;
  const [gated, ungated] = ["brain", "always"].map((id) => of(id).counts["synaptic operations"]!);
  expect(gated).toBeGreaterThan(0);
  expect(ungated! / gated!).toBeGreaterThan(20);
  const { asleepUs, awakeUs, wakings } = of("gate").duty!;
  // Now and then it rattles as loudly as somebody speaks.
  expect(wakings).toBeLessThan(8);
  expect(asleepUs / (asleepUs + awakeUs)).toBeGreaterThan(0.95);
});
