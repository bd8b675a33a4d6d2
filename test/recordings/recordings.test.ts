/** The bundled recordings are what their script makes, and say so. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { movingSource, wavBytes } from "../../drivers/synthetic/sound.ts";
import { pumpLoad, seriesText } from "../../drivers/synthetic/telemetry.ts";
import { speakDigits } from "../../drivers/synthetic/voice.ts";
import synthetic from "../../drivers/synthetic.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { script } from "../support/recipes.ts";

const folder = new URL("../../recordings/", import.meta.url);
const library = {
  synthetic,
  formatNamed,
  encodeFile,
  movingSource,
  speakDigits,
  wavBytes,
  pumpLoad,
  seriesText,
};
const made = await script.makeRecordings(library);

test("the script makes six recordings of at most 256 kB", () => {
  expect(made.map(({ file }) => file)).toEqual([
    "moving-dot.aedat4",
    "bouncing-ball.aedat4",
    "digits.bin",
    "moving-sound.wav",
    "spoken-digits.wav",
    "pump-load.csv",
  ]);
  for (const { bytes } of made) expect(bytes.length).toBeLessThan(256_000);
});

test.each(made)("$file is what the script makes", ({ file, bytes }) => {
  expect(Buffer.compare(readFileSync(new URL(file, folder)), bytes)).toBe(0);
});

test("README.md has their provenance and checksums", () => {
  const readme = readFileSync(new URL("README.md", folder), "utf8");
  expect(readme).toBe(script.readmeOf(made));
  for (const { file, sha256 } of made) expect(readme).toContain(`${sha256}  ${file}`);
});
