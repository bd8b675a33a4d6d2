/** Labelled recordings through the stages before a network: the spikes that it is trained on. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type Layout, sizeOf } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { type SpikeSet, spikeSetBuilder } from "../learning/index.ts";
import { seedFor } from "../random.ts";
import type { Flow, Flows } from "../stage.ts";
import type { LabelledFile } from "./evaluate-labels.ts";
import type { TrainDocument } from "./train-document.ts";
import { home } from "./world.ts";

export interface TrainData {
  readonly set: SpikeSet;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  /** Digest over the names, labels and bytes of all files. */
  readonly sha256: string;
}

/** Numbers are output neurons; names stand for them in order of the alphabet, as in `evaluate`. */
export function classesOf(samples: readonly LabelledFile[]): string[] {
  const labels = [...new Set(samples.map(({ label }) => label))];
  if (!labels.every((label) => /^\d+$/.test(label))) return labels.sort();
  return Array.from({ length: Math.max(...labels.map(Number)) + 1 }, (_, id) => `${id}`);
}

/** Runs every file through the document's stages. `progress` is told how many are done. Throws a ReflexarcError. */
export async function encodeFiles(
  { chain, document, seed }: TrainDocument,
  folder: string,
  samples: readonly LabelledFile[],
  progress: (done: number) => void,
): Promise<TrainData> {
  const { network } = document;
  const classes = classesOf(samples);
  const builder = spikeSetBuilder({
    inputs: network.input.reduce((product, size) => product * size, 1),
    steps: network.steps,
    stepUs: network.stepUs,
  });
  const hash = createHash("sha256");
  for (const [k, { file, label }] of samples.entries()) {
    const path = resolve(folder, file);
    const { times, ids, count } = await encodeFile(chain, path, network, seed);
    builder.add(classes.indexOf(label), times, ids, count);
    hash.update(`${file},${label}\n`).update(readFileSync(path));
    progress(k + 1);
  }
  return { set: builder.build(), classes, sha256: hash.digest("hex") };
}

interface Spikes {
  times: Float64Array;
  ids: Uint32Array;
  count: number;
}

/** A fresh chain a file: no recording has a part in what another one gives. */
async function encodeFile(
  [sensorNode, ...stageNodes]: TrainDocument["chain"],
  file: string,
  network: TrainDocument["document"]["network"],
  seed: number,
): Promise<Spikes> {
  const ending = new AbortController();
  const sensor = await sensorNode.definition.open(
    { ...sensorNode.options, file },
    {
      id: sensorNode.id,
      pipeline: "train",
      clock: wallClock(),
      signal: ending.signal,
      seed: seedFor(seed, sensorNode.id),
      resolvePath: (path) => resolve(home, path),
      notice: (text) => process.stderr.write(`${text}\n`),
    },
  );
  try {
    let geometry: Layout = sensor.geometry;
    const steps = stageNodes.map(({ id, definition, options }) => {
      const readText = (path: string) => readFileSync(path, "utf8");
      const stage = definition.create(options, { id, geometry, seed: seedFor(seed, id), readText });
      geometry = stage.geometry ?? geometry;
      return stage;
    });
    const [channels, height, width] = network.input;
    if (geometry.kind !== "neurons" || sizeOf(geometry) !== channels * height * width)
      throw new ReflexarcError({
        kind: "usage",
        room: "train",
        what: `the stages give ${describeGeometry(geometry)}, the network's input has ${channels * height * width}`,
        where: file,
        remedy: "Make the encoder's shape and `network.input` the same.",
      });
    const spikes: Spikes = { times: new Float64Array(4096), ids: new Uint32Array(4096), count: 0 };
    let originUs: number | undefined;
    for await (const packet of sensor.packets) {
      let flowing: Flows[Flow] = packet;
      for (const stage of steps) flowing = stage.step(flowing);
      // The engine's steps stand on a grid of packet time.
      originUs ??= Math.floor(packet.fromUs / network.stepUs) * network.stepUs;
      take(spikes, flowing as Packet, originUs);
    }
    return spikes;
  } finally {
    ending.abort();
  }
}

function take(spikes: Spikes, { count, times, addresses }: Packet, originUs: number): void {
  if (spikes.count + count > spikes.ids.length) {
    const room = 2 * (spikes.count + count);
    const { times: oldTimes, ids: oldIds } = spikes;
    spikes.times = new Float64Array(room);
    spikes.ids = new Uint32Array(room);
    spikes.times.set(oldTimes);
    spikes.ids.set(oldIds);
  }
  for (let k = 0; k < count; k++) {
    spikes.times[spikes.count] = times[k]! - originUs;
    spikes.ids[spikes.count] = addresses[k]!;
    spikes.count += 1;
  }
}
