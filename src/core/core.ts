/** The stage `core`: a spiking network between encoders and readouts. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { buildNetwork, checkNetwork, explainIssue, networkDocument, parseNetwork } from "../network/index.ts";
import { defineStage, type StageContext } from "../stage.ts";
import { createEngine, engineBounds } from "./engine.ts";
import { ledgerCounts, ledgerLost } from "./ledger.ts";

/** Runs input spikes through a spiking network, event by event and without a tick. */
export default defineStage({
  name: "core",
  about: "Runs spikes through a spiking network, event by event and without a tick.",
  takes: "spikes",
  gives: "spikes",
  options: z.strictObject({
    network: z
      .union([z.string().min(1), networkDocument], { error: (issue) => issueText(issue) })
      .describe("The network: a file, relative to this document, or the network itself."),
    spikesPerMsMax: z
      .int()
      .min(1)
      .default(engineBounds.spikesPerMsMax)
      .describe("Most spikes of the network in a millisecond; those above are lost."),
  }),
  create({ network: source, spikesPerMsMax }, context) {
    const network = buildNetwork(placed(source, context), {
      geometry: neuronsOf(context),
      seed: context.seed,
      readText: (path) => context.readText(typeof source === "string" ? besideOf(source, path) : path),
    });
    const engine = createEngine(network, { ...engineBounds, spikesPerMsMax });
    const { geometry } = network.populations[network.output]!;
    const out = new Packet(geometry);
    return {
      geometry,
      step(packet) {
        engine.run(packet, out);
        return out;
      },
      counts: () => ledgerCounts(engine.ledger),
      lost: () => ledgerLost(engine.ledger),
    };
  },
});

/** What is wrong within an inline network: the options' own check would only say that it is. */
function issueText(issue: z.core.$ZodRawIssue): string {
  const { path, what, remedy } = explainIssue({ ...issue, path: [] }, issue.input);
  return `${path.length > 0 ? `${path.join(".")}: ` : ""}${what}${remedy ? `. ${remedy}` : ""}`;
}

function placed(source: string | z.output<typeof networkDocument>, context: StageContext) {
  if (typeof source === "string") return parseNetwork(context.readText(source), source);
  return checkNetwork(source, (path) => `stage "${context.id}", ${["network", ...path].join(".")}`);
}

function neuronsOf({ id, geometry }: StageContext) {
  if (geometry.kind === "neurons") return geometry;
  throw new ReflexarcError({
    kind: "usage",
    room: "core",
    what: `${describeGeometry(geometry)} come in, but a network takes spikes`,
    where: `stage "${id}"`,
    remedy: "Put an encoder before it, for example polarity-grid.",
  });
}

/** A path that a network's file names, relative to that file. */
function besideOf(file: string, path: string): string {
  return path.startsWith("/") ? path : file.slice(0, file.lastIndexOf("/") + 1) + path;
}
