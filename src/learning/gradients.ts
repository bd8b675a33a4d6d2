/** Gradients and judgements of samples, a few at a time: work that threads can share without a change in the result. */

import { seededRandom, seedFor } from "../random.ts";
import { type SampleReader, sampleReader } from "./augment.ts";
import { judge } from "./loss.ts";
import type { Model } from "./model.ts";
import { createPass } from "./pass.ts";
import type { TrainingSettings } from "./specification.ts";
import type { SpikeSet } from "./spike-set.ts";

/**
 * Samples of one piece of work. A batch is cut into pieces by this number whoever does them, and their gradients are
 * summed in the order of pieces: floats don't add up to the same in another order.
 */
export const pieceSize = 4;

export interface Piece {
  /** Samples of the set. */
  readonly samples: readonly number[];
  /** Decides how samples are changed and which neurons are silent; undefined: samples as they are, no gradient. */
  readonly seed: number | undefined;
  /** Of the spike budget, one a layer. */
  readonly strengths: readonly number[];
  /** Fixed: no gradient of delays is worked out. */
  readonly delays: "learned" | "fixed";
}

/** What a piece of work gave; sums over its samples. */
export interface PieceResult {
  readonly gradient: Float32Array | undefined;
  readonly loss: number;
  /** The class decided for each sample. */
  readonly decided: readonly number[];
  /** Spikes of each layer. */
  readonly spikes: readonly number[];
}

/** Whoever does the work: this thread or several. Results are in the order of pieces. */
export interface Workforce {
  /** `parameters` are effective ones (`effectiveParameters`). */
  run(parameters: Float32Array, pieces: readonly Piece[]): Promise<PieceResult[]>;
}

export type PieceSettings = Pick<
  TrainingSettings,
  "smoothing" | "evidenceScale" | "surrogateWidth" | "augmentation"
>;

/** Makes the function that does one piece; it keeps its buffers. */
export function pieceWorker(
  model: Model,
  set: SpikeSet,
  settings: PieceSettings,
): (parameters: Float32Array, piece: Piece) => PieceResult {
  const pass = createPass(model, { spikes: "hard", surrogateWidth: settings.surrogateWidth });
  const reader: SampleReader = sampleReader(set, model.input, settings.augmentation);
  const masks = model.layers.map(({ specification, size }) =>
    specification.dropout > 0 ? new Uint8Array(size) : undefined,
  );
  const noMasks = masks.map(() => undefined);

  function drawMasks(seed: number): typeof masks {
    for (const [k, mask] of masks.entries()) {
      if (!mask) continue;
      const { dropout } = model.layers[k]!.specification;
      const random = seededRandom(seedFor(seed, `dropout ${k}`));
      for (let n = 0; n < mask.length; n++) mask[n] = random() < dropout ? 1 : 0;
    }
    return masks;
  }

  return (parameters, { samples, seed, strengths, delays }) => {
    const gradient = seed === undefined ? undefined : new Float32Array(model.parameterCount);
    let loss = 0;
    const decided: number[] = [];
    const spikes = model.layers.map(() => 0);
    for (const index of samples) {
      const own = seed === undefined ? undefined : seedFor(seed, `sample ${index}`);
      const events = own === undefined ? reader.read(index) : reader.readChanged(index, own);
      pass.forward(parameters, events, own === undefined ? noMasks : drawMasks(own));
      const judged = judge(pass, model, set.labels[index]!, settings, strengths);
      if (gradient) pass.backward(gradient, delays);
      loss += judged.loss;
      decided.push(judged.decided);
      for (const [k, count] of judged.spikes.entries()) spikes[k] = spikes[k]! + count;
    }
    return { gradient, loss, decided, spikes };
  };
}

/** Does all work in this thread. */
export function localWorkforce(model: Model, set: SpikeSet, settings: PieceSettings): Workforce {
  const work = pieceWorker(model, set, settings);
  return { run: async (parameters, pieces) => pieces.map((piece) => work(parameters, piece)) };
}

/** Cuts samples into pieces. */
export function piecesOf(
  samples: readonly number[],
  seed: number | undefined,
  strengths: readonly number[],
  delays: Piece["delays"],
): Piece[] {
  return Array.from({ length: Math.ceil(samples.length / pieceSize) }, (_, k) => ({
    samples: samples.slice(k * pieceSize, (k + 1) * pieceSize),
    seed,
    strengths,
    delays,
  }));
}
