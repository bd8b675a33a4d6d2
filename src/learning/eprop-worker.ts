/** Gradients of samples by e-prop, a few at a time, in the place of those by back-propagation. */

import { seedFor } from "../random.ts";
import { sampleReader } from "./augment.ts";
import { createEprop } from "./eprop.ts";
import type { Piece, PieceResult } from "./gradients.ts";
import type { Model } from "./model.ts";
import type { EpropSettings } from "./specification.ts";
import type { SpikeSet } from "./spike-set.ts";

/** As `pieceWorker`. `seed` decides on random feedback weights. Throws a ReflexarcError for a network that e-prop can't learn. */
export function epropWorker(
  model: Model,
  set: SpikeSet,
  { surrogateWidth, evidenceScale, feedback, augmentation }: EpropSettings,
  seed: number,
): (parameters: Float32Array, piece: Piece) => PieceResult {
  const eprop = createEprop(model, { surrogateWidth, evidenceScale, feedback, seed });
  const reader = sampleReader(set, model.input, augmentation);
  return (parameters, { samples, seed: pieceSeed }) => {
    const gradient = pieceSeed === undefined ? undefined : new Float32Array(model.parameterCount);
    let [loss, hiddenSpikes] = [0, 0];
    const decided: number[] = [];
    for (const index of samples) {
      const events =
        pieceSeed === undefined
          ? reader.read(index)
          : reader.readChanged(index, seedFor(pieceSeed, `sample ${index}`));
      const result = eprop(parameters, events, set.labels[index]!, gradient);
      loss += result.loss;
      hiddenSpikes += result.spikes;
      decided.push(result.decided);
    }
    return { gradient, loss, decided, spikes: [hiddenSpikes, 0] };
  };
}
