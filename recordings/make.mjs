// Makes the recordings of this folder again, byte for byte: `npm run recordings`. Everything in them is ours: the
// scenes and digits are drawn, the camera simulated and the sounds calculated by drivers/synthetic. The seeds are part
// of the recipe.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** What is recorded, by file: options of the `synthetic` sensor, and its seed. */
export const recipes = {
  "moving-dot.aedat4": {
    about: "A dark dot runs a figure of eight before a 128x128 camera with noise and three hot pixels.",
    seed: 1,
    options: {
      scene: "moving-dot",
      durationMs: 6000,
      speedPxPerS: 62,
      sizePx: 8,
      threshold: 0.5,
      noiseHz: 0.1,
      hotPixels: 3,
    },
  },
  "bouncing-ball.aedat4": {
    about: "A dark ball bounces between the walls of a 128x128 picture; its lower edge is the goal line.",
    seed: 5,
    options: {
      scene: "bouncing-ball",
      durationMs: 4000,
      speedPxPerS: 220,
      sizePx: 8,
      threshold: 0.6,
      noiseHz: 0.05,
    },
  },
  "digits.bin": {
    about: "Ten handwritten digits, 0 to 9, under three saccades each, as N-MNIST has them: 34x34 pixels.",
    seed: 3,
    options: {
      scene: "digit-saccades",
      width: 34,
      height: 34,
      durationMs: 4000,
      contrast: 5,
      threshold: 0.4,
      noiseHz: 0.5,
      hotPixels: 0,
    },
  },
};

/** What is heard, by file: how drivers/synthetic/sound makes it. */
export const sounds = {
  "moving-sound.wav": {
    about:
      "A rattle swings from ahead to the right, to the left and back before two microphones, 0.2 m apart.",
    seed: 2,
    options: { durationMs: 3500, rateHz: 16_000, swingDeg: 45, periodMs: 3500, noiseDb: 20 },
  },
};

/** What is said, by file: how drivers/synthetic/voice says it. */
export const voices = {
  "spoken-digits.wav": {
    about: "A simulated voice says four, six, four and six.",
    seed: 1,
    options: { digits: "4 6 4 6", everyMs: 1200, rateHz: 8000, noiseDb: 30 },
  },
};

/** What is measured, by file: how drivers/synthetic/telemetry makes it. */
export const telemetry = {
  "pump-load.csv": {
    about: "The load of a pump, five times a second: at 200 s its pipe is blocked, at 260 s it runs dry.",
    seed: 4,
    options: {
      durationS: 300,
      everyS: 0.2,
      swingS: 40,
      faults: [
        { atS: 200, forS: 12, load: 45 },
        { atS: 260, forS: 12, load: -45 },
      ],
    },
  },
};

/** Makes each file in memory, with the parts of the library that it takes. */
export async function makeRecordings({
  synthetic,
  formatNamed,
  encodeFile,
  movingSource,
  speakDigits,
  wavBytes,
  pumpLoad,
  seriesText,
}) {
  const made = [];
  for (const [file, { about, seed, options }] of Object.entries(recipes)) {
    const parsed = synthetic.options.parse({ ...options, packetUs: 20_000 });
    const sensor = await synthetic.open(parsed, { seed, signal: new AbortController().signal });
    const packets = [];
    for await (const packet of sensor.packets) packets.push(copyOf(packet));
    const format = formatNamed(file.endsWith(".bin") ? "nmnist" : "aedat4");
    const encoder = format.encoder(sensor.geometry, { compression: "lz4" });
    const bytes = encodeFile(encoder, packets);
    if (encoder.leftOut.length > 0) throw new Error(`${file}: ${JSON.stringify(encoder.leftOut)}`);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    made.push({
      file,
      about,
      seed,
      options,
      bytes,
      events: packets.reduce((n, p) => n + p.count, 0),
      sha256,
    });
  }
  for (const [file, { about, seed, options }] of Object.entries({ ...sounds, ...voices })) {
    const columns =
      file in sounds ? movingSource({ seed, ...options }) : [speakDigits({ seed, ...options }).column];
    const bytes = wavBytes(columns, options.rateHz);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    made.push({ file, about, seed, options, bytes, samples: columns[0].length, sha256 });
  }
  for (const [file, { about, seed, options }] of Object.entries(telemetry)) {
    const loads = pumpLoad({ seed, ...options });
    const bytes = Buffer.from(seriesText(loads, options.everyS));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    made.push({ file, about, seed, options, bytes, samples: loads.length, sha256 });
  }
  return made;
}

/** A packet is lent, so it is copied to be kept. */
function copyOf(packet) {
  const { count, times, addresses } = packet;
  return Object.assign(Object.create(Object.getPrototypeOf(packet)), packet, {
    times: times.slice(0, count),
    addresses: addresses.slice(0, count),
  });
}

function countOf({ events, samples }) {
  return events === undefined ? `${samples} samples` : `${events} events`;
}

/** The folder's README: provenance, recipes and checksums. */
export function readmeOf(made) {
  const items = made.map(
    ({ file, about, seed, options, bytes, ...held }) =>
      `- \`${file}\` (${countOf(held)}, ${Math.round(bytes.length / 1000)} kB): ${about}\n` +
      `  Seed ${seed}, \`${JSON.stringify(options)}\`.`,
  );
  const sums = made.map(({ file, sha256 }) => `${sha256}  ${file}`);
  return `# Recordings

Small samples for the pipelines beside this folder. They were made by \`make.mjs\` with Reflexarc's own simulated event
camera and sounds (\`drivers/synthetic\`): no recording, picture, handwriting or voice of anyone else is in them, and their
licence is the project's. \`npm run recordings\` makes them and this file again; a test compares every byte.

Options of the \`synthetic\` sensor (of sounds and series, of \`sound.ts\`, \`voice.ts\` and \`telemetry.ts\` in its folder) are given; all others are at their defaults.

${items.join("\n")}

SHA-256, as \`sha256sum\` prints it:

\`\`\`
${sums.join("\n")}
\`\`\`
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { default: synthetic } = await import("../dist/drivers/synthetic.js");
  const { formatNamed } = await import("../dist/src/formats/index.js");
  const { encodeFile } = await import("../dist/src/formats/format.js");
  const { movingSource, wavBytes } = await import("../dist/drivers/synthetic/sound.js");
  const { speakDigits } = await import("../dist/drivers/synthetic/voice.js");
  const { pumpLoad, seriesText } = await import("../dist/drivers/synthetic/telemetry.js");
  const made = await makeRecordings({
    ...{ synthetic, formatNamed, encodeFile },
    ...{ movingSource, speakDigits, wavBytes, pumpLoad, seriesText },
  });
  for (const { file, bytes, ...held } of made) {
    writeFileSync(new URL(file, import.meta.url), bytes);
    console.log(`${file}: ${countOf(held)}, ${bytes.length} bytes`);
  }
  writeFileSync(new URL("README.md", import.meta.url), readmeOf(made));
}
