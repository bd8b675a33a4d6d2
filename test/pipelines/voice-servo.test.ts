/** The bundled `voice-servo`: each digit that is said moves the pointer, once, and silence or noise moves nothing. */

import { expect, test } from "vitest";
import { wavBytes } from "../../drivers/synthetic/sound.ts";
import { type SpokenDigits, speakDigits } from "../../drivers/synthetic/voice.ts";
import wav, { openWav } from "../../drivers/wav.ts";
import { seededNormal, seededRandom } from "../../src/random.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { voiceOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";

const recorded = voiceOf("spoken-digits.wav");
/** Words are told so long after their end at the latest. */
const lateUsMax = 300_000;

async function hear(column: Float32Array, rateHz: number) {
  const file = wavBytes([column], rateHz);
  const heard = defineSensor({
    ...wav,
    open: (options, context) =>
      openWav(options, context, async function* () {
        yield file;
      }),
  });
  const { trace, servos } = await watchServos("voice-servo", {
    definitions: [anyOptions(heard)],
    detail: "list",
  });
  const told = trace.flatMap((line) => {
    const { stage, spikes } = JSON.parse(line) as { stage: string; spikes?: [number, number][] };
    return stage === "word" ? spikes! : [];
  });
  return { told, angle: servos.get("pointer")!.angles() };
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
