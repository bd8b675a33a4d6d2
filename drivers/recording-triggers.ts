/** The triggers of a recording as spikes: edges on the camera's inputs, or marks of its own logic. */

import { z } from "zod";
import type { Trigger, TriggerMark } from "../src/events/beside.ts";
import { neurons } from "../src/events/geometry.ts";
import { Packet } from "../src/events/packet.ts";
import { defineSensor } from "../src/stage.ts";
import { besideOptions, openBeside } from "./recording/beside.ts";
import { type ReadPieces, readFilePieces } from "./recording.ts";

/** Which marks are spikes, and which of a channel's two neurons fires: 0 at the end of a thing, 1 at its begin. */
const neuronOf: Readonly<Record<string, Partial<Record<TriggerMark, 0 | 1>>>> = {
  signal: { "signal-falling": 0, "signal-rising": 1, "signal-pulse": 1 },
  generator: { "generator-falling": 0, "generator-rising": 1 },
  frame: { "frame-end": 0, "frame-start": 1 },
  exposure: { "exposure-end": 0, "exposure-start": 1 },
};

const channelsMax = 32;

const options = z.strictObject({
  ...besideOptions,
  marks: z
    .enum(["signal", "generator", "frame", "exposure"])
    .default("signal")
    .describe(
      "Edges of an outside signal or of the camera's own generator, or the marks of frames and exposures.",
    ),
  channels: z
    .int()
    .min(1)
    .max(channelsMax)
    .default(1)
    .describe(
      "How many inputs; each has two neurons: 2 n fires at a falling edge or an end, 2 n + 1 at a rising one.",
    ),
});

/** The driver with its way to files, so that a test can do without any. */
export function recordingTriggersFrom(readPieces: ReadPieces) {
  return defineSensor({
    name: "recording-triggers",
    about: "The triggers of a recording as spikes: edges on the camera's inputs, frames, exposures.",
    gives: "spikes",
    live: false,
    options,
    async open({ file, format, chip, marks, channels }, { id, resolvePath }) {
      const path = resolvePath(file);
      const wanted = neuronOf[marks]!;
      const geometry = neurons(1, channels, 2);
      const given = { ...(format !== undefined && { format }), ...(chip !== undefined && { chip }) };
      const opened = await openBeside(readPieces(path), path, { id, type: "triggers", ...given });
      const counts = { triggers: 0, others: 0 };
      let late = 0;
      const out = new Packet(geometry, 64);

      const fill = (triggers: readonly Trigger[], fromUs: number | undefined) => {
        const spikes = triggers.flatMap(({ timeUs, mark, channel }) => {
          const neuron = channel < channels ? wanted[mark] : undefined;
          return neuron === undefined ? [] : [{ timeUs, address: 2 * channel + neuron }];
        });
        counts.triggers += spikes.length;
        counts.others += triggers.length - spikes.length;
        if (spikes.length === 0) return undefined;
        spikes.sort((a, b) => a.timeUs - b.timeUs);
        const startUs = fromUs ?? spikes[0]!.timeUs;
        out.begin(startUs, Math.max(startUs, spikes.at(-1)!.timeUs) + 1);
        for (const { timeUs, address } of spikes) {
          if (timeUs < startUs) late += 1;
          out.push(Math.max(timeUs, startUs), address);
        }
        return out;
      };
      async function* packets(): AsyncGenerator<Packet, void, undefined> {
        let reachedUs: number | undefined;
        for await (const triggers of opened.batches) {
          const packet = fill(triggers, reachedUs);
          if (!packet) continue;
          reachedUs = packet.toUs;
          yield packet;
        }
      }
      return {
        geometry,
        packets: packets(),
        counts: () => ({ triggers: counts.triggers, "of other marks or channels": counts.others }),
        lost: () => ({ "trigger with a time before the last one, moved after it": late }),
        problems: () =>
          opened.problems.map(
            ({ what, firstByte, count }) => `${what}: ${count}, first at byte ${firstByte}`,
          ),
      };
    },
  });
}

export default recordingTriggersFrom(readFilePieces);
