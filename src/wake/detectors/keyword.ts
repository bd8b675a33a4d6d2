/** Keyword: the spikes of a trained network, gathered until one word has clearly been said. */

import { z } from "zod";
import { ReflexarcError } from "../../errors.ts";
import { sizeOf } from "../../events/geometry.ts";
import { Packet } from "../../events/packet.ts";
import { defineStage, neuronsIn } from "../../stage.ts";

/**
 * Neuron k of the network stands for word k. Its evidence is the number of its spikes, each fading with its age:
 *
 *     e(k) = sum of exp(-(t - t_i) / tauUs)      over its spikes t_i <= t
 *
 * Once all spikes of a time are in, the word with the most evidence is detected if it has `evidence` or more of it, and leads
 * the next one by `margin` or more. A margin below 0 is for a network that confirms what a sentinel took for the word: the
 * word may be behind others by so much, and of several those in `words` go first. It leaves as one spike of neuron k at that
 * time. Then nothing is detected for `holdOffUs`, and all evidence begins anew after it. Only `words` leave, but every word
 * of the network can be the one that leads: the others are what a wake word must beat. Throws a usage error for a word that
 * the network doesn't have.
 */
export default defineStage({
  name: "keyword",
  about: "Tells once that a word was said, from the spikes of a network that has a neuron for each.",
  takes: "spikes",
  gives: "spikes",
  options: z.strictObject({
    words: z
      .array(z.int().min(0))
      .min(1)
      .optional()
      .describe("neurons of the words that are told; all by default"),
    evidence: z.number().positive().default(6).describe("least evidence, in fresh spikes"),
    margin: z
      .number()
      .default(2)
      .describe(
        "least lead over the next word, in fresh spikes; below 0, one of `words` may be behind by so much",
      ),
    tauUs: z
      .number()
      .min(1000)
      .default(200_000)
      .describe("time constant with which a spike is forgotten, microseconds"),
    holdOffUs: z
      .int()
      .min(0)
      .default(500_000)
      .describe("after a word nothing is told for so long, microseconds"),
  }),
  create({ words, evidence, margin, tauUs, holdOffUs }, context) {
    const geometry = neuronsIn(context);
    const size = sizeOf(geometry);
    const unknown = words?.find((word) => word >= size);
    if (unknown !== undefined)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `listens for word ${unknown}, but gets ${size} words, 0 to ${size - 1}`,
        remedy: "Name neurons of the network's output.",
      });
    const told = Uint8Array.from({ length: size }, (_, id) => (!words || words.includes(id) ? 1 : 0));
    const gathered = new Float64Array(size);
    const out = new Packet(geometry);
    let asOfUs = Number.NEGATIVE_INFINITY;
    let quietUntilUs = Number.NEGATIVE_INFINITY;
    let detections = 0;
    let others = 0;

    /** The word that has been said as of now, or -1. */
    function decide(): number {
      let [most, next] = [0, 0];
      for (let id = 0; id < size; id++) {
        const own = gathered[id]!;
        if (own > most) [most, next] = [own, most];
        else if (own > next) next = own;
      }
      let said = -1;
      for (let id = 0; id < size; id++) {
        const own = gathered[id]!;
        if (own < evidence || own - (own === most ? next : most) < margin) continue;
        const isFirst = said < 0 || told[id]! > told[said]!;
        if (isFirst || (told[id] === told[said] && own > gathered[said]!)) said = id;
      }
      return said;
    }

    return {
      step({ fromUs, toUs, count, times, addresses }) {
        out.begin(fromUs, toUs);
        for (let i = 0; i < count; ) {
          const timeUs = times[i]!;
          const faded = Math.exp((asOfUs - timeUs) / tauUs);
          for (let id = 0; id < size; id++) gathered[id] = gathered[id]! * faded;
          asOfUs = timeUs;
          for (; i < count && times[i] === timeUs; i++) {
            const id = addresses[i]!;
            if (timeUs >= quietUntilUs) gathered[id] = gathered[id]! + 1;
          }
          const word = decide();
          if (word < 0) continue;
          if (told[word]) {
            out.push(timeUs, word);
            detections += 1;
          } else others += 1;
          gathered.fill(0);
          quietUntilUs = timeUs + holdOffUs;
        }
        return out;
      },
      counts: () => ({ detections, ...(others > 0 && { "other words": others }) }),
    };
  },
});
