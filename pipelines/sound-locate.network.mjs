// Makes sound-locate.network.yaml, two delay lines and what listens between them: `npm run build && node
// pipelines/sound-locate.network.mjs`.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** As the cochlea of sound-locate.yaml has them. */
const bands = 16;
/** Directions that have a column of neurons, degrees to the right. */
export const directionsDeg = Array.from({ length: 13 }, (_, i) => -60 + 10 * i);
/** A spike of the right ear waits so much longer than one of the left, where the sound comes from the right. */
const longestUs = (1e6 * 0.2) / 343;

export function networkText() {
  const synapses = [];
  for (const [ear, side] of [-1, 1].entries())
    for (let band = 0; band < bands; band++)
      for (const [column, deg] of directionsDeg.entries()) {
        const waitsUs = Math.round(300 + (side * longestUs * Math.sin((deg * Math.PI) / 180)) / 2);
        synapses.push([ear * bands + band, band * directionsDeg.length + column, 0.6, waitsUs]);
      }
  const rows = synapses.map((synapse) => `      - [${synapse.join(", ")}]`);
  return `# yaml-language-server: $schema=./network.schema.json
# The network of sound-locate.yaml: two delay lines that run against each other, and neurons that fire where they meet.
#
# Sound from the right comes to the right microphone first, at most 583 us before it comes to the left one, 0.2 m away. For
# each of 13 directions from -60 to 60 degrees, and each band, a neuron gets the spikes of both ears, those of the ear that
# is ahead delayed by as much as it would be ahead for that direction (L. A. Jeffress, "A place theory of sound
# localization", J. Comp. Physiol. Psychol. 41, 1948). One spike moves it by 0.6: it takes two within 80 us to fire.
# Below 900 Hz a period is longer than both ways together, so no wrong pair of spikes can meet.
#
# A direction sums its bands over some 30 ms, and holds back the directions around it, more than itself: the peak is left.
# sound-locate.network.mjs makes this file.
about: Finds by how much one ear hears later than the other.
input: ears
output: direction

populations:
  ears: { shape: [2, 1, ${bands}] }
  meeting: { shape: [1, ${bands}, ${directionsDeg.length}], neuron: { threshold: 1, tauMs: 0.2 } }
  direction: { shape: [1, 1, ${directionsDeg.length}], neuron: { threshold: 6, tauMs: 30 } }

projections:
  - { from: meeting, to: direction, pattern: pool, weights: 1 }
  - from: direction
    to: direction
    pattern: dense
    delayUs: 100
    weights: { kind: mexican-hat, peak: 0, sigmaCells: 1, surround: 1.5, surroundSigmaCells: 4 }
  - from: ears
    to: meeting
    pattern: sparse
    synapses:
${rows.join("\n")}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  writeFileSync(new URL("sound-locate.network.yaml", import.meta.url), networkText());
