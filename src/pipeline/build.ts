/** Turns a plan into an RxJS graph, with a guard before every actuator. */

import { type Observable, Subject, share, tap } from "rxjs";
import type { Clock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { Geometry, Layout } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { seedFor } from "../random.ts";
import type { Commands } from "../safety/command.ts";
import type { SafeCommands } from "../safety/guard.ts";
import type { Counts, Duty, Flow, Flows, Sensor, SensorFlow, Sink, StageContext, Step } from "../stage.ts";
import type { Plan, PlanNode } from "./document.ts";
import { isGated } from "./doze.ts";
import type { GuardedActuator } from "./guarded.ts";
import { LatencyMeter, lift, liftLater, OnTheWay } from "./lift.ts";
import { joinCommands, joinPackets, mergeBy, mergedGeometry } from "./merge.ts";
import type { Sensed } from "./sources.ts";
import { connectStage, type StageTask, type StageThread, type StartThread } from "./stage-thread.ts";
import type { PacketDetail, StreamTap, Trace } from "./trace.ts";

export interface BuildEnvironment {
  readonly clock: Clock;
  readonly readText: (path: string) => string;
  readonly readTree?: StageContext["readTree"];
  readonly trace?: { readonly to: Trace; readonly detail: PacketDetail };
  /** Starts a thread for a stage; without it all stages are in this one. */
  readonly startThread?: StartThread;
  /** The run keeps pace with the wall clock. */
  readonly paced?: boolean;
}

/** A node at work, and what the summary asks of it. */
export interface RunningNode {
  readonly node: PlanNode;
  readonly meter: LatencyMeter;
  /** Events, spikes or commands that left. */
  out: number;
  counts(): Counts;
  lost(): Counts;
  learned(): string | undefined;
  ledger(): ReturnType<NonNullable<Step<Flow, Flow>["ledger"]>>;
  duty(): Duty | undefined;
}

export interface Graph {
  /** Where a sensor's packets go in, by its id. */
  readonly inputs: ReadonlyMap<string, Subject<Sensed>>;
  readonly running: readonly RunningNode[];
  /** Geometry of what comes into each sink, by its id. */
  readonly sinkGeometries: ReadonlyMap<string, Geometry>;
  /** All gates sleep, nothing has been detected, and nothing leaves but through them. */
  readonly resting: () => boolean;
  /** The ids of nodes that nothing more comes to. */
  readonly ended: ReadonlySet<string>;
  /** The first error of any stage, once there is one. */
  readonly failure: () => unknown;
  /** Resolves when every stage that has a thread of its own is made there. */
  readonly ready: () => Promise<void>;
  /** Resolves when what was pushed has come out everywhere; undefined where it has. */
  readonly settle: () => Promise<void> | undefined;
  /** Stages in other threads tell all that they did. */
  readonly finish: () => Promise<void>;
  close(): void;
}

type Batch = Flows[Flow] | SafeCommands;

/** A node's output, and the geometry of its packets or samples. */
interface Source {
  readonly output: Observable<Batch>;
  readonly geometry?: Layout | undefined;
}

/**
 * Creates every stage (a stage may refuse its input's geometry here, before anything moves) and connects them.
 * `actuators` has the guarded actuator of each actuator node, and `sinks` each sink, before the first packet comes.
 */
export function buildGraph(
  plan: Plan,
  sensors: ReadonlyMap<string, Sensor<SensorFlow>>,
  actuators: ReadonlyMap<string, GuardedActuator>,
  sinks: ReadonlyMap<string, Sink>,
  environment: BuildEnvironment,
): Graph {
  const inputs = new Map<string, Subject<Sensed>>();
  const sources = new Map<string, Source>();
  const running: RunningNode[] = [];
  const ended = new Set<string>();
  const sinkGeometries = new Map<string, Geometry>();
  const threads: StageThread[] = [];
  const onTheWay = new OnTheWay();
  /** What hears of an actuator answers at once: the next reading is that of its answer. */
  const looped = new Set<string>();
  const gates: Step<Flow, Flow>[] = [];
  const gated = isGated(plan);

  for (const node of plan.nodes) {
    const meter = new LatencyMeter(environment.clock);
    if (node.kind === "sensor" ? node.definition.readsBack : node.from.some((id) => looped.has(id)))
      looped.add(node.id);
    const say = tapOf(node, environment.trace);
    const begin = (part: Pick<Step<Flow, Flow>, "counts" | "lost" | "learned" | "ledger" | "duty">) => {
      const run: RunningNode = {
        node,
        meter,
        out: 0,
        counts: () => part.counts?.() ?? {},
        lost: () => part.lost?.() ?? {},
        learned: () => part.learned?.(),
        ledger: () => part.ledger?.(),
        duty: () => part.duty?.(),
      };
      running.push(run);
      return tap({
        next: (batch: Batch) => {
          run.out += "count" in batch ? batch.count : batch.commands.length;
          say?.next(batch);
        },
        complete: () => {
          say?.complete();
          ended.add(node.id);
        },
      });
    };
    if (node.kind === "sensor") {
      const sensor = sensors.get(node.id)!;
      const input = new Subject<Sensed>();
      inputs.set(node.id, input);
      sources.set(node.id, { output: input.pipe(begin(sensor), share()), geometry: sensor.geometry });
      continue;
    }
    const feeds = node.from.map((id) => sources.get(id)!);
    const { output, geometry } = mergeSources(node, feeds);
    if (node.kind === "stage") {
      const context = {
        id: node.id,
        geometry: geometry!,
        ...(feeds.length > 1 && geometry && { inputs: feeds.map((feed) => feed.geometry!) }),
        seed: seedFor(plan.seed, node.id),
        readText: environment.readText,
        ...(environment.readTree && { readTree: environment.readTree }),
      };
      const stage = namingNode(node, () => node.definition.create(node.options, context));
      if (stage.resting) gates.push(stage);
      const away = looped.has(node.id) ? undefined : threadOf(stage, node, context, environment);
      if (away) threads.push(away);
      const through = away
        ? liftLater((batch: Batch): Promise<Batch> => away.step(batch as Packet), node.id, meter, onTheWay)
        : liftHere(stage, node.id, meter);
      sources.set(node.id, {
        output: output.pipe(through, begin(away ?? stage), share()),
        geometry: stage.geometry ?? geometry,
      });
    } else if (node.kind === "sink") {
      sinkGeometries.set(node.id, geometry as Geometry);
      // Opened after the graph is built, as an actuator is.
      const sink = () => sinks.get(node.id);
      const part = { counts: () => sink()?.counts?.() ?? {}, lost: () => sink()?.lost?.() ?? {} };
      const step = (batch: Batch): Batch => {
        sink()!.write(batch as Packet);
        return batch;
      };
      sources.set(node.id, { output: output.pipe(lift(step, node.id, meter), begin(part)) });
    } else {
      // Opened after the graph is built, so it is looked up when it is used.
      const actuator = () => actuators.get(node.id);
      const part = { counts: () => actuator()?.counts() ?? {}, lost: () => actuator()?.lost() ?? {} };
      const step = (batch: Batch): Batch => actuator()!.step(batch as Commands);
      sources.set(node.id, { output: output.pipe(lift(step, node.id, meter), begin(part)) });
    }
  }

  // Who feeds no other is a leaf; its subscription makes the whole path above it run.
  const feeding = new Set(plan.nodes.flatMap((node) => node.from));
  let failure: unknown;
  const leaves = plan.nodes
    .filter((node) => !feeding.has(node.id))
    .map((node) => sources.get(node.id)!.output.subscribe({ error: (cause) => (failure ??= cause) }));
  return {
    inputs,
    running,
    sinkGeometries,
    resting: () => gated && gates.every((gate) => gate.resting!()),
    ended,
    failure: () => failure,
    ready: async () => void (await Promise.all(threads.map(({ ready }) => ready))),
    settle: () => onTheWay.settle(),
    finish: async () => void (await Promise.all(threads.map((thread) => thread.finish()))),
    close: () => {
      for (const thread of threads) thread.close();
      for (const leaf of leaves) leaf.unsubscribe();
    },
  };
}

/** The stage in a thread of its own, where it wants one and there are any; the one at hand said what would be wrong with it. */
function threadOf(
  { thread, geometry }: Step<Flow, Flow>,
  { definition, options, id }: Extract<PlanNode, { kind: "stage" }>,
  context: StageTask["context"],
  { startThread, paced = false }: BuildEnvironment,
): StageThread | undefined {
  if (!startThread || thread === undefined || (thread === "paced" && !paced)) return undefined;
  const { geometry: takes, inputs, seed } = context;
  const task = {
    use: definition.name,
    options,
    context: { id, geometry: takes, ...(inputs && { inputs }), seed },
  };
  return connectStage(startThread(task), id, (geometry ?? takes) as Geometry);
}

function liftHere(stage: Step<Flow, Flow>, id: string, meter: LatencyMeter) {
  return lift((batch: Batch): Batch => stage.step(batch as Flows[Flow]), id, meter, stage.more);
}

/** What goes wrong while a node is made is told with its place in the document. */
export function namingNode<T>(node: PlanNode, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw placedError(node, cause);
  }
}

/** The same error, with the stage and its line beside the place that it names itself. */
export function placedError(node: PlanNode, cause: unknown): unknown {
  if (!(cause instanceof ReflexarcError)) return cause;
  const { where } = cause.detail;
  const stage = `stage "${node.id}" at ${node.where}`;
  if (where?.includes(`"${node.id}"`)) return cause;
  return new ReflexarcError({ ...cause.detail, where: where ? `${where}; ${stage}` : stage }, { cause });
}

function mergeSources(node: PlanNode, feeds: readonly Source[]): Source {
  if (feeds.length === 1) return feeds[0]!;
  if (node.kind === "actuator" || (node.kind === "stage" && node.definition.takes === "commands")) {
    return {
      output: mergeBy(
        feeds.map((feed) => feed.output as Observable<Commands>),
        joinCommands(feeds.length),
      ),
    };
  }
  // The document was refused where samples would be merged.
  const geometries = feeds.map((feed) => feed.geometry as Geometry);
  const output = mergeBy(
    feeds.map((feed) => feed.output as Observable<Packet>),
    joinPackets(geometries, node.id),
  );
  return { output, geometry: mergedGeometry(geometries, node.id) };
}

/** What the trace hears of a node: commands each by itself, a core's spikes each by itself, other packets as told by `detail`. */
function tapOf(node: PlanNode, trace: BuildEnvironment["trace"]): StreamTap<Batch> | undefined {
  if (!trace || node.kind === "actuator" || node.kind === "sink") return undefined;
  const { gives } = node.definition;
  if (gives === "commands") return trace.to.tapCommands(node.index, node.id) as StreamTap<Batch>;
  if (gives === "samples") return trace.to.tapSamples(node.index, node.id, trace.detail) as StreamTap<Batch>;
  const fromSpikes = node.kind === "stage" && node.definition.takes === "spikes";
  return trace.to.tapPackets(node.index, node.id, fromSpikes ? "list" : trace.detail) as StreamTap<Batch>;
}
