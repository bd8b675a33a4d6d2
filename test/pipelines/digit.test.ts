/** The bundled `digit`: the pointer shows each of the ten digits while it is in sight. */

import { expect, test } from "vitest";
import { shownDigit } from "../../drivers/synthetic.ts";
import { recipeOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";

/** Angle of a digit on the scale. */
const angleOf = (digit: number) => 45 + 10 * digit;

test("points at each digit once its three saccades are over", async () => {
  const { options } = recipeOf("digits.bin");
  const { summary, servos } = await watchServos("digit");
  expect(summary.exitCode).toBe(0);
  const pointer = servos.get("pointer")!.angles();
  const turns = Array.from({ length: options.durationMs / options.digitMs }, (_, turn) => turn);
  const read = turns.map((turn) => Math.round((pointer((turn + 0.95) * options.digitMs * 1000) - 45) / 10));
  const truth = turns.map((turn) => shownDigit(options, turn * options.digitMs * 1000));
  expect(truth).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(read).toEqual(truth);
});

test("digits in another order, with other noise", async () => {
  const digits = "8675309";
  const scene = { scene: "digit-saccades", digits, width: 34, height: 34, durationMs: digits.length * 400 };
  const camera = { contrast: 5, threshold: 0.4, noiseHz: 2, seed: 9 };
  const { trace } = await watchServos("digit", { eye: { use: "synthetic", ...scene, ...camera } });
  const said = trace
    .map((line) => JSON.parse(line) as { stage?: string; atUs: number; value?: number })
    .filter(({ stage, value }) => stage === "choice" && value !== undefined);
  const read = [...digits].map(
    (_, turn) => said.findLast(({ atUs }) => atUs <= turn * 400_000 + 380_000)?.value,
  );
  expect(read).toEqual([...digits].map((digit) => angleOf(Number(digit))));
});
