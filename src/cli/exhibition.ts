/** Recordings shown to one network, one after another with a pause between, as if they were one long one. */

import { wallClock } from "../clock.ts";
import { type CoreOptions, type Engine, type EngineBounds, engineBounds, networkOf } from "../core/index.ts";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type Layout, sameGeometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Network } from "../network/index.ts";
import type { SensorNode, StageNode } from "../pipeline/document.ts";
import { seedFor } from "../random.ts";
import type { Flow, Flows } from "../stage.ts";
import { type OpenDocument, openDocument } from "./world.ts";

export interface Exhibition {
  readonly network: Network;
  readonly engineBounds: EngineBounds;
  readonly seed: number;
  readonly chain: { onto(engine: Engine, pauseUs: number): Screen };
}

/** Shows recordings to an engine. */
export interface Screen {
  /** The engine's time: where the next recording begins. */
  readonly clockUs: number;
  /** Answers how often each output neuron fired, until the end of the pause. */
  show(file: string): Promise<Float64Array>;
}

/**
 * The part of a document from its one sensor that reads files to its last core; `first` is a file that tells the
 * geometry. Throws a ReflexarcError where that is no chain, or nothing in the network learns to reach its output.
 */
export async function openExhibition(
  path: string,
  overrides: readonly string[],
  first: string,
): Promise<Exhibition> {
  const opened = openDocument(path, overrides);
  const { nodes, seed } = opened.plan;
  const refused = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: "expose", what, where: path, remedy });
  const end = nodes.findLast((node) => node.kind === "stage" && node.definition.name === "core");
  const nodeOf = new Map(nodes.map((node) => [node.id, node]));
  const stages: StageNode[] = [];
  let node = end;
  while (node?.kind === "stage" && node.from.length === 1) {
    stages.unshift(node);
    node = nodeOf.get(node.from[0]!);
  }
  const core = stages.pop();
  if (!core || node?.kind !== "sensor" || !("file" in node.options))
    throw refused(
      "there is no chain from one sensor that reads a file to a core",
      "It needs a recording, an encoder and a core, in a row.",
    );
  const source: Source = { opened, sensor: node, stages };
  const { geometry, close } = await openFile(source, first);
  close();
  const options = core.options as CoreOptions;
  const network = networkOf(options, {
    id: core.id,
    geometry,
    seed: seedFor(seed, core.id),
    readText: opened.readText,
    readTree: opened.readTree,
  });
  const teaches = network.projections.some(
    ({ to, pattern, plasticity }) => to === network.output && pattern === "dense" && plasticity,
  );
  if (!teaches)
    throw refused(
      `nothing in the network learns to reach its output "${network.populations[network.output]!.name}"`,
      "Give its output a dense projection with `plasticity`.",
    );
  return {
    network,
    engineBounds: { ...engineBounds, spikesPerMsMax: options.spikesPerMsMax },
    seed,
    chain: { onto: (engine, pauseUs) => screenOf(engine, network, source, pauseUs) },
  };
}

interface Source {
  readonly opened: OpenDocument;
  readonly sensor: SensorNode;
  readonly stages: readonly StageNode[];
}

function screenOf(engine: Engine, network: Network, source: Source, pauseUs: number): Screen {
  const [input, output] = [network.input, network.output].map((p) => network.populations[p]!);
  const spikes = new Packet(output!.geometry);
  const shifted = new Packet(input!.geometry);
  let clockUs = 0;
  return {
    get clockUs() {
      return clockUs;
    },
    async show(file) {
      const counts = new Float64Array(output!.size);
      const { geometry, packets, close } = await openFile(source, file);
      if (!sameGeometry(geometry, input!.geometry))
        throw new ReflexarcError({
          kind: "usage",
          room: "expose",
          what: `${describeGeometry(geometry)} come of it, of others ${describeGeometry(input!.geometry)}`,
          where: file,
          remedy: "Show recordings of one camera.",
        });
      const run = () => {
        engine.run(shifted, spikes);
        for (let k = 0; k < spikes.count; k++) counts[spikes.addresses[k]!]! += 1;
        clockUs = shifted.toUs;
      };
      let shiftUs = Number.NaN;
      try {
        for await (const packet of packets) {
          if (Number.isNaN(shiftUs)) shiftUs = clockUs - packet.fromUs;
          shift(packet, shiftUs, shifted);
          run();
        }
      } finally {
        close();
      }
      shifted.begin(clockUs, clockUs + pauseUs);
      run();
      return counts;
    },
  };
}

function shift({ fromUs, toUs, count, times, addresses }: Packet, byUs: number, into: Packet): void {
  into.begin(fromUs + byUs, toUs + byUs).reserve(count);
  for (let k = 0; k < count; k++) into.times[k] = times[k]! + byUs;
  into.addresses.set(addresses.subarray(0, count));
  into.count = count;
}

interface Shown {
  readonly geometry: Layout;
  readonly packets: AsyncIterable<Packet>;
  close(): void;
}

/** A file through fresh stages: no recording has a part in what another one gives. */
async function openFile({ opened, sensor: node, stages }: Source, file: string): Promise<Shown> {
  const ending = new AbortController();
  const { seed } = opened.plan;
  const sensor = await node.definition.open(
    { ...node.options, file },
    {
      id: node.id,
      pipeline: opened.plan.pipeline,
      clock: wallClock(),
      signal: ending.signal,
      seed: seedFor(seed, node.id),
      resolvePath: opened.resolvePath,
      notice: (text) => process.stderr.write(`${text}\n`),
    },
  );
  let geometry: Layout = sensor.geometry;
  const steps = stages.map((stage) => {
    const step = stage.definition.create(stage.options, {
      id: stage.id,
      geometry,
      seed: seedFor(seed, stage.id),
      readText: opened.readText,
      readTree: opened.readTree,
    });
    geometry = step.geometry ?? geometry;
    return step;
  });
  async function* packets(): AsyncGenerator<Packet> {
    for await (const packet of sensor.packets)
      yield steps.reduce<Flows[Flow]>((batch, { step }) => step(batch as Flows[Flow]), packet) as Packet;
  }
  return { geometry, packets: packets(), close: () => ending.abort() };
}
