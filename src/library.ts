/** The library's face made from definitions: a stage becomes an RxJS operator, a driver a factory. */

import {
  concat,
  concatMap,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  type Observable,
  type OperatorFunction,
} from "rxjs";
import type { z } from "zod";
import type { Clock } from "./clock.ts";
import { ReflexarcError } from "./errors.ts";
import type { Geometry } from "./events/geometry.ts";
import { copyPacket, type Packet } from "./events/packet.ts";
import type { Samples } from "./events/samples.ts";
import type { ChipLedger } from "./mapping/index.ts";
import { type GuardedActuator, guardActuator } from "./pipeline/guarded.ts";
import { lift } from "./pipeline/lift.ts";
import { seedFor } from "./random.ts";
import type { Commands, OperatorRequest } from "./safety/command.ts";
import type { SafeCommands } from "./safety/guard.ts";
import { guardOptions, separateGuard } from "./safety/limits.ts";
import { createWatchdog } from "./safety/watchdog.ts";
import type {
  ActuatorDefinition,
  Definition,
  DriverContext,
  Flow,
  Flows,
  SensorDefinition,
  SensorFlow,
  Sink,
  SinkDefinition,
  StageDefinition,
  Step,
} from "./stage.ts";

/** The world as the library's face sees it. */
export interface World {
  readonly clock: Clock;
  readonly readText: (path: string) => string;
  readonly resolvePath: (path: string) => string;
}

/** What every operator and factory takes beside its options. */
export interface Surroundings {
  /** Names it in errors; its kebab-case name by default. */
  id?: string;
  /** What the whole is called in MQTT topics; `library` by default. */
  pipeline?: string;
  /** A sensor: recorded seconds for each second of the wall; without it as fast as the machine can. Real motors need 1. */
  speed?: number;
  /** For whatever is random; 1 by default. */
  seed?: number;
  /** A gate: what is merged into its packets, in this order; what it holds back first, and then each detector's. */
  inputs?: readonly Geometry[];
  /** A core that accounts for a chip: hears its ledger after each packet. A `Subject` is one. */
  ledger?: { next(ledger: ChipLedger): void };
}

/** An actuator besides: a real motor stays disarmed unless it is armed here. */
export interface ActuatorSurroundings extends Surroundings {
  arm?: boolean;
  notice?: (text: string) => void;
}

type OptionsOf<D extends { options: z.ZodObject }> = z.input<D["options"]>;
type GuardInput = z.input<z.ZodObject<typeof guardOptions>>;

type Face<D> = D extends {
  kind: "stage";
  takes: infer In extends Flow;
  gives: infer Out extends Flow;
  options: z.ZodObject;
}
  ? (options: OptionsOf<D>, surroundings?: Surroundings) => OperatorFunction<Flows[In], Flows[Out]>
  : D extends { kind: "sensor"; gives: infer Gives extends SensorFlow; options: z.ZodObject }
    ? (options: OptionsOf<D>, surroundings?: Surroundings) => Observable<Flows[Gives]>
    : D extends { kind: "actuator"; options: z.ZodObject }
      ? (
          options: OptionsOf<D> & GuardInput,
          surroundings?: ActuatorSurroundings,
        ) => OperatorFunction<Commands, SafeCommands>
      : D extends { kind: "sink"; options: z.ZodObject }
        ? (options: OptionsOf<D>, surroundings?: Surroundings) => OperatorFunction<Packet, Packet>
        : never;

/** The definitions of a module, each as its operator or factory. */
export type Faces<M> = { readonly [K in keyof M as M[K] extends { kind: string } ? K : never]: Face<M[K]> };

/** Makes the faces of all definitions among a module's exports. */
export function facesOf<M extends object>(module: M, world: World): Faces<M> {
  const definitions = Object.entries(module).filter((entry): entry is [string, Definition] =>
    isDefinition(entry[1]),
  );
  return Object.fromEntries(
    definitions.map(([name, definition]) => [name, faceOf(definition, world)]),
  ) as unknown as Faces<M>;
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "kind" in value && "options" in value;
}

function faceOf(definition: Definition, world: World) {
  return (given: object, around: ActuatorSurroundings = {}) => {
    if (definition.kind === "stage") return operator(definition, given, around, world);
    if (definition.kind === "sensor") return source(definition, given, around, world);
    if (definition.kind === "sink") return outlet(definition, given, around, world);
    return actuator(definition, given, around, world);
  };
}

/** The stage is created from the first packet or samples, which carry their geometry. */
function operator(
  definition: StageDefinition,
  given: object,
  { id = definition.name, seed = 1, ledger, inputs }: Surroundings,
  { readText }: World,
): OperatorFunction<Flows[Flow], Flows[Flow]> {
  const options = parse(definition.options, given, id);
  return (input) =>
    defer(() => {
      let stage: Step<Flow, Flow> | undefined;
      const step = (batch: Flows[Flow]) => {
        stage ??= definition.create(options, {
          id,
          geometry: (batch as Packet | Samples).geometry,
          ...(inputs && { inputs }),
          seed: seedFor(seed, id),
          readText,
        });
        const out = stage.step(batch);
        const told = ledger && stage.ledger?.();
        if (told) ledger.next(told as unknown as ChipLedger);
        return out;
      };
      // Only the stage itself knows whether it cuts a batch in several, and it is made when the first one is there.
      return input.pipe(lift(step, id, undefined, () => stage?.more?.()));
    });
}

function source(
  definition: SensorDefinition,
  given: object,
  around: Surroundings,
  world: World,
): Observable<Flows[SensorFlow]> {
  const options = parse(definition.options, given, definition.name);
  if (definition.readsBack || definition.sets)
    throw new ReflexarcError({
      kind: "usage",
      room: definition.name,
      what: "only a run knows both a sensor and its actuator",
      remedy: "Write it as a pipeline document.",
    });
  return defer(() => {
    const ending = new AbortController();
    const open = definition.open(options, contextOf(definition.name, around, world, ending.signal));
    const { speed } = around;
    return from(open).pipe(
      concatMap(({ packets }) =>
        speed === undefined ? packets : paced(packets, speed, world.clock, ending.signal),
      ),
      finalize(() => ending.abort()),
    );
  });
}

/** Hands each packet out when its time has come. */
async function* paced<Batch extends Packet | Samples>(
  packets: AsyncIterable<Batch>,
  speed: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const wallStartUs = clock.nowUs();
  let startUs: number | undefined;
  for await (const packet of packets) {
    startUs ??= packet.fromUs;
    await clock.until(wallStartUs + (packet.toUs - startUs) / speed, signal);
    yield packet;
  }
}

/** Passes packets on as copies once they are written; the first one opens the sink, an error or an early end discards it. */
function outlet(
  definition: SinkDefinition,
  given: object,
  around: Surroundings,
  world: World,
): OperatorFunction<Packet, Packet> {
  const options = parse(definition.options, given, definition.name);
  return (input) =>
    defer(() => {
      const ending = new AbortController();
      const context = {
        ...contextOf(definition.name, around, world, ending.signal),
        resolveOutput: world.resolvePath,
      };
      let sink: Sink | undefined;
      let ended = false;
      const write = async (packet: Packet) => {
        sink ??= await definition.open(options, { ...context, geometry: packet.geometry });
        sink.write(packet);
        await sink.settle?.();
        return packet;
      };
      const end = defer(async () => {
        ended = true;
        await sink?.end();
      }).pipe(ignoreElements());
      return concat(input.pipe(map(copyPacket), concatMap(write)), end).pipe(
        finalize(() => {
          if (!ended) void sink?.discard();
          ending.abort();
        }),
      );
    });
}

/** The guard is part of the operator: there is no way to an actuator that leaves it out. */
function actuator(
  definition: ActuatorDefinition,
  given: object,
  around: ActuatorSurroundings,
  world: World,
): OperatorFunction<Commands, SafeCommands> {
  const { name, selfArming } = definition;
  const all = parse(definition.options.extend(guardOptions).strict(), given, name);
  const { guard, options } = separateGuard(all);
  return (input) =>
    defer(() => {
      const ending = new AbortController();
      let guarded: GuardedActuator | undefined;
      const context = {
        ...contextOf(name, around, world, ending.signal),
        operator: (request: OperatorRequest) => guarded?.request(request),
        missed: (at: number | undefined) => guarded?.missed(at),
        fault: () => guarded?.fault(),
        connection: (state: "connected" | "lost") => guarded?.connection(state),
      };
      return from(definition.open(options, context)).pipe(
        concatMap((device) => {
          const encode = definition.encode(options);
          const arming = guardActuator({
            id: context.id,
            guard,
            actuator: device,
            encode,
            selfArming,
            pass: selfArming ? undefined : (spanUs) => context.clock.until(context.clock.nowUs() + spanUs),
          });
          guarded = arming;
          const { clock } = context;
          // A motor's limits hold on the wall clock, so a real one is watched by it; a simulation has its own time.
          const watchdog = selfArming
            ? undefined
            : createWatchdog({ clock, deadlineMs: stallMs }, () => arming.stalled());
          let begin: { packetUs: number; wallUs: number } | undefined;
          const step = (batch: Commands) => {
            if (!begin) {
              begin = { packetUs: batch.fromUs, wallUs: clock.nowUs() };
              arming.begin(batch.fromUs);
              if (around.arm) arming.request("arm");
            }
            const aheadUs = batch.toUs - begin.packetUs - (clock.nowUs() - begin.wallUs);
            if (watchdog && aheadUs > aheadUsMax) throw tooFast(context.id);
            watchdog?.beat();
            return arming.step(batch);
          };
          return input.pipe(
            lift(step, context.id),
            finalize(() => {
              watchdog?.stop();
              void arming.stop().finally(() => ending.abort());
            }),
          );
        }),
      );
    });
}

/** Longest silence of what feeds a real motor, milliseconds. */
const stallMs = 200;
/** How far the commands for a real motor may be ahead of the clock: a packet or two. */
const aheadUsMax = 100_000;

function tooFast(room: string): ReflexarcError {
  const what =
    "the commands come faster than real time, and would drive the motor faster than its limits say";
  return new ReflexarcError({ kind: "usage", room, what, remedy: "Give the recording `{ speed: 1 }`." });
}

function contextOf(
  name: string,
  around: ActuatorSurroundings,
  world: World,
  signal: AbortSignal,
): DriverContext {
  const { id = name, pipeline = "library", seed = 1, notice = () => {} } = around;
  const { clock, resolvePath } = world;
  return { id, pipeline, clock, signal, seed: seedFor(seed, id), resolvePath, notice };
}

function parse(schema: z.ZodObject, given: object, id: string): Record<string, unknown> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue!.path.join(".");
  const what = `the options are wrong${at ? ` at "${at}"` : ""}: ${issue!.message.replace(/^Invalid input: /, "")}`;
  throw new ReflexarcError({ kind: "usage", room: id, what, remedy: `See \`reflexarc list ${id}\`.` });
}
