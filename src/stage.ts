/** The one shape of every stage and driver. */

import type { z } from "zod";
import type { Clock } from "./clock.ts";
import { ReflexarcError } from "./errors.ts";
import type { Beside, BesideType } from "./events/beside.ts";
import {
  type ChannelGeometry,
  describeGeometry,
  type Geometry,
  type Layout,
  type NeuronGeometry,
  type PixelGeometry,
} from "./events/geometry.ts";
import type { Packet } from "./events/packet.ts";
import type { Samples } from "./events/samples.ts";
import type { Commands, OperatorRequest, SafeCommand, Unit } from "./safety/command.ts";
import type { GuardState } from "./safety/guard.ts";
import type { Limits } from "./safety/limits.ts";

/**
 * What flows between stages. Events carry pixel addresses, spikes neuron ids: the same columns, not the same meaning.
 * Samples are signals before an encoder made spikes of them.
 */
export interface Flows {
  events: Packet;
  spikes: Packet;
  samples: Samples;
  commands: Commands;
}
export type Flow = keyof Flows;
/** What a sensor may give. */
export type SensorFlow = "events" | "spikes" | "samples";

/** Counts that the summary shows, by name in words, for example `{ "out of range": 3 }`. */
export type Counts = Readonly<Record<string, number>>;

/** What a stage may know of its surroundings. Neither the time nor the world is in it. */
export interface StageContext {
  /** The stage's id in its document. */
  readonly id: string;
  /** Of the packets or samples that come in; a stage fed by commands has none. */
  readonly geometry: Layout;
  /** Of each stage that it takes from, where those are several: what they give is merged, populations stacked in this order. */
  readonly inputs?: readonly Layout[];
  /** For whatever is random in the stage. */
  readonly seed: number;
  /** Reads a file that an option names, relative to the document (a network beside it). */
  readonly readText: (path: string) => string;
  /** Reads an HDF5 file that an option names (a trained network), as groups by name and arrays; not everywhere there. */
  readonly readTree?: (path: string) => ReadonlyMap<string, unknown>;
}

/** A stage at work: a function of packets (or samples) alone, and what it can tell of itself. */
export interface Step<In extends Flow, Out extends Flow> {
  /** Of the packets or samples that leave, when it differs from what comes in. */
  readonly geometry?: Layout;
  step(batch: Flows[In]): Flows[Out];
  /**
   * Of a stage that cuts a batch in several: what follows, until undefined. The batch stays lent until then, and what was
   * handed out before is taken back.
   */
  more?(): Flows[Out] | undefined;
  /** What the stage did so far (never what it removed on purpose, unless it is of interest). */
  counts?(): Counts;
  /** Data lost to a bound or a repair; any count above 0 becomes exit code 4. */
  lost?(): Counts;
  /**
   * Whether it wants a thread of its own, because a packet may take long: always, or in a run that keeps pace with the
   * wall clock. Whoever runs it may know no threads.
   */
  readonly thread?: "own" | "paced";
  /** What it has learnt so far, as text that its own options can name; undefined where nothing learns. */
  learned?(): string | undefined;
  /** What the stage would have cost on a chip, where it was asked to account for one: see `mapping/account.ts`. */
  ledger?(): Readonly<Record<string, unknown>> | undefined;
  /** Of a gate: how long it slept, and what woke it. */
  duty?(): Duty;
  /** Of a gate: it sleeps, and nothing has been detected that has a part in a waking. */
  resting?(): boolean;
}

/** How a gate has spent its time so far. */
export interface Duty {
  /** Microseconds of packet time. */
  readonly asleepUs: number;
  readonly awakeUs: number;
  /** The part of `asleepUs` in which something had been detected, but not all that it takes to wake. */
  readonly armedUs: number;
  readonly wakings: number;
  /** By detector, in the order of the document. */
  readonly detections: readonly number[];
  /** From the first detection that had a part in a waking to the waking, microseconds. */
  readonly latencyUs: Spread;
  /** From the oldest event that a waking passed on to the waking, microseconds. */
  readonly reachUs: Spread;
  /** Events that came, and how many of them were passed on. */
  readonly eventsIn: number;
  readonly passed: number;
}

/** Mean and largest of several values; 0 of none. */
export interface Spread {
  readonly mean: number;
  readonly max: number;
}

export interface StageDefinition<Options = unknown, In extends Flow = Flow, Out extends Flow = Flow> {
  readonly kind: "stage";
  /** Kebab-case, the name of its file. */
  readonly name: string;
  /** One sentence for lists and editors. */
  readonly about: string;
  readonly takes: In;
  readonly gives: Out;
  /** Its packets may hold events from before their span, and be asleep: see `Packet`. */
  readonly holdsBack?: true;
  /** It knows what to do with such packets. */
  readonly takesHeldBack?: true;
  readonly options: z.ZodObject;
  create(options: Options, context: StageContext): Step<In, Out>;
}

/** Defines a stage; `create` answers the step function, or an object with more than the step. */
export function defineStage<Shape extends z.ZodObject, In extends Flow, Out extends Flow>(stage: {
  name: string;
  about: string;
  takes: In;
  gives: Out;
  holdsBack?: true;
  takesHeldBack?: true;
  options: Shape;
  create(options: z.output<Shape>, context: StageContext): Step<In, Out> | Step<In, Out>["step"];
}): StageDefinition<z.output<Shape>, In, Out> & { options: Shape } {
  return {
    ...stage,
    kind: "stage",
    create(options, context) {
      const made = stage.create(options, context);
      return typeof made === "function" ? { step: made } : made;
    },
  };
}

/** The geometry that a stage for camera events needs. Throws a usage error when neurons come in. */
export function pixelsIn({ id, geometry }: StageContext): PixelGeometry {
  if (geometry.kind === "pixels") return geometry;
  throw wrongInput(id, "camera events", geometry, "Put it before the encoder.");
}

/** The geometry that a stage for spikes needs. Throws a usage error when camera events come in. */
export function neuronsIn({ id, geometry }: StageContext): NeuronGeometry {
  if (geometry.kind === "neurons") return geometry;
  throw wrongInput(id, "spikes", geometry, "Put an encoder before it, for example polarity-grid.");
}

/** The geometry that a stage for samples needs. Throws a usage error when packets come in. */
export function channelsIn({ id, geometry }: StageContext): ChannelGeometry {
  if (geometry.kind === "channels") return geometry;
  throw wrongInput(id, "samples", geometry, "Put it below a sensor of sound or telemetry.");
}

function wrongInput(room: string, takes: string, geometry: Layout, remedy: string): ReflexarcError {
  const gets = { pixels: "camera events", neurons: "spikes", channels: "samples" }[geometry.kind];
  const what = `takes ${takes}, but gets the ${gets} of ${describeGeometry(geometry)}`;
  return new ReflexarcError({ kind: "usage", room, what, remedy });
}

/** What a driver may use of the world. */
export interface DriverContext {
  readonly id: string;
  /** The name of its document, a word of letters, digits, - and _: its part of a topic. */
  readonly pipeline: string;
  readonly clock: Clock;
  /** Aborts when the run ends: let go of everything. */
  readonly signal: AbortSignal;
  readonly seed: number;
  /** Makes a path of an option absolute: relative paths are relative to the document. */
  readonly resolvePath: (path: string) => string;
  /** Tells the user something once, in a sentence. */
  readonly notice: (text: string) => void;
}

/** What a sensor may use besides. */
export interface SensorContext extends DriverContext {
  /** Takes what the source holds beside its packets, as it is met: some sink would keep it. */
  readonly beside?: ((record: Beside) => void) | undefined;
  /**
   * How long a packet may be at present, microseconds: above 0 while gates keep asleep all that the run does. Sound may come
   * in longer pieces then, and time be told less often; events and rows of a series are handed on as always.
   */
  readonly dozeUs?: () => number;
  /** The actuator that it sets; only a run has one. */
  readonly actuator?: SetActuator | undefined;
}

/** An actuator of the same document, as a sensor sees it that somebody sets it with. */
export interface SetActuator {
  /** The name of its driver. */
  readonly use: string;
  readonly limits: Limits;
  /** Somebody asked for something over the sensor's own channel. */
  operator(request: OperatorRequest): void;
  /** Of its guard at this moment; undefined before it has one. */
  state(): GuardState | undefined;
}

/** Why nothing can be known of a scene at present: its device is gone (`lost`), or silent for too long. */
export interface Stale {
  readonly why: string;
  readonly lost: boolean;
}

/** A sensor at work. Packets (or samples) are pulled, so a recording is never read ahead of its use. */
export interface Sensor<Gives extends SensorFlow = "events" | "spikes"> {
  readonly geometry: Flows[Gives]["geometry"];
  /** Each packet is lent until the next one is asked for. Throws a ReflexarcError after the last good packet. */
  readonly packets: AsyncIterable<Flows[Gives]>;
  /** When it differs from the definition's: a recording that comes over a pipe. */
  readonly live?: boolean;
  /** Of a live source: asked after each packet and tick. Whatever it feeds goes to its failsafe. */
  stale?(): Stale | undefined;
  /** Share of the whole that has been handed out, 0 to 1, for a progress bar. */
  share?(): number;
  counts?(): Counts;
  lost?(): Counts;
  /** Which records the context's `beside` may get. */
  readonly besideTypes?: readonly BesideType[];
  /** What its source holds beside the packets and was given to nobody. */
  beside?(): Counts;
  /** Repairs and damage worth a line each in the summary. */
  problems?(): readonly string[];
}

/** What a sensor reads back from an actuator of the same document. */
export interface ReadBack {
  /** The actuator's id. */
  readonly of: string;
  /** Which of its readings, a channel each. */
  readonly names: readonly string[];
  /** Time between two samples, microseconds. */
  readonly everyUs: number;
}

export interface SensorDefinition<Options = unknown, Gives extends SensorFlow = SensorFlow> {
  readonly kind: "sensor";
  readonly name: string;
  readonly about: string;
  readonly gives: Gives;
  /**
   * A recording or simulation has its own time and can be replayed. A live source runs on the wall clock: its packets
   * carry the times of the context's clock, and it gives one at least every few milliseconds, if only a tick.
   */
  readonly live: boolean;
  /** It has no packets of its own: the run gives it what an actuator shows (`pipeline/feedback.ts`). */
  readsBack?(options: Options): ReadBack;
  /** The id of the actuator that somebody sets with it; its context has it then. */
  sets?(options: Options): string;
  readonly options: z.ZodObject;
  open(options: Options, context: SensorContext): Promise<Sensor<Gives>>;
}

export function defineSensor<Shape extends z.ZodObject, Gives extends SensorFlow>(sensor: {
  name: string;
  about: string;
  gives: Gives;
  live: boolean;
  readsBack?(options: z.output<Shape>): ReadBack;
  sets?(options: z.output<Shape>): string;
  options: Shape;
  open(options: z.output<Shape>, context: SensorContext): Promise<Sensor<Gives>>;
}): SensorDefinition<z.output<Shape>, Gives> & { options: Shape } {
  return { ...sensor, kind: "sensor" };
}

/** What an actuator driver may call besides. */
export interface ActuatorContext extends DriverContext {
  /** An operator asked for something over this device's own channel (a topic, a button). */
  readonly operator: (request: OperatorRequest) => void;
  /** The device is gone (or back): the guard disarms at once. */
  readonly connection: (state: "connected" | "lost", why: string) => void;
  /**
   * A move waited too long for the line and was dropped: the device stays at `at`, the last value that the line took, in
   * the unit of its limits; undefined where it has taken none since a release.
   */
  readonly missed: (at: number | undefined) => void;
  /** The device is there but in trouble (stalled, hot, starved): the guard disarms into its failsafe. */
  readonly fault?: (why: string) => void;
}

/** An actuator at work. */
export interface Actuator {
  /** Writes a frame that `encode` made; never queues it for later. */
  write(frame: Uint8Array, command: SafeCommand): void;
  /** What the device, or its simulation, shows at a packet time: `angleDeg`, `pulseUs`; asked in order of time. */
  readings?(atUs: number): Readonly<Record<string, number>>;
  /** Lets go of the device; resolves when the last bytes are out. */
  stop(): Promise<void>;
  counts?(): Counts;
  lost?(): Counts;
}

/** What a device can be told at all, in one unit: its guard's limits must lie within it. */
export interface Reach {
  readonly min: number;
  readonly max: number;
  /** The options that decide it, in words. */
  readonly by: string;
}

export interface ActuatorDefinition<Options = unknown> {
  readonly kind: "actuator";
  readonly name: string;
  readonly about: string;
  readonly takes: "commands";
  /** A simulation arms itself; whatever can move a real motor does not. */
  readonly selfArming: boolean;
  /** In a live run its guard and its port live in a process of their own, which outlives a run that is killed. */
  readonly ownProcess: boolean;
  /** What it can be told in; the limits of a document must be in one of these. */
  readonly units: readonly Unit[];
  readonly options: z.ZodObject;
  /** What it can be told in a unit; undefined where it takes whatever the guard allows. */
  reach?(options: Options, unit: Unit): Reach | undefined;
  /** The bytes of a command on the wire: a pure function, so a dry run and a replay give the same ones. */
  encode(options: Options): (command: SafeCommand) => Uint8Array;
  open(options: Options, context: ActuatorContext): Promise<Actuator>;
}

export function defineActuator<Shape extends z.ZodObject>(actuator: {
  name: string;
  about: string;
  selfArming?: boolean;
  /** As whatever drives a motor by itself; false where a receiver drops what is old, or where a sensor has the port. */
  ownProcess?: boolean;
  units: readonly Unit[];
  options: Shape;
  reach?(options: z.output<Shape>, unit: Unit): Reach | undefined;
  encode(options: z.output<Shape>): (command: SafeCommand) => Uint8Array;
  open(options: z.output<Shape>, context: ActuatorContext): Promise<Actuator>;
}): ActuatorDefinition<z.output<Shape>> & { options: Shape } {
  const selfArming = actuator.selfArming ?? false;
  const ownProcess = actuator.ownProcess ?? !selfArming;
  return { ...actuator, kind: "actuator", takes: "commands", selfArming, ownProcess };
}

/** What a sink may use besides. */
export interface SinkContext extends DriverContext {
  /** Of the packets that come in. */
  readonly geometry: Geometry;
  /** What its sources may give it beside their packets. */
  readonly besideTypes?: readonly BesideType[];
  /** As `resolvePath`, of a file that is written: it is no input of the run. */
  readonly resolveOutput: (path: string) => string;
}

/** Where packets leave a pipeline: a file, a picture. Nothing moves, so there is no guard. */
export interface Sink {
  /** Takes a lent packet; what doesn't go out at once is kept as bytes. */
  write(packet: Packet): void;
  /** Takes a record of the sources, which comes no later than the packet of its time. */
  writeBeside?(record: Beside): void;
  /** A promise while too much waits to go out: the run pulls nothing until then. Asked after each packet. */
  settle?(): Promise<void> | undefined;
  /** The last packet has come: completes what was written. */
  end(): Promise<void>;
  /** In place of `end`, when the run has failed: leaves nothing half written. */
  discard(): Promise<void>;
  counts?(): Counts;
  /** What the target can't hold; any count above 0 becomes exit code 4. */
  lost?(): Counts;
}

export interface SinkDefinition<Options = unknown> {
  readonly kind: "sink";
  readonly name: string;
  readonly about: string;
  /** Packets are events or spikes. */
  readonly takes: "events" | "spikes" | "packets";
  /** Keeps all that comes, what its sources hold beside the packets too: what doesn't reach it is told as left out. */
  readonly records: boolean;
  readonly options: z.ZodObject;
  open(options: Options, context: SinkContext): Promise<Sink>;
}

export function defineSink<Shape extends z.ZodObject>(sink: {
  name: string;
  about: string;
  takes: "events" | "spikes" | "packets";
  records?: boolean;
  options: Shape;
  open(options: z.output<Shape>, context: SinkContext): Promise<Sink>;
}): SinkDefinition<z.output<Shape>> & { options: Shape } {
  return { ...sink, kind: "sink", records: sink.records ?? false };
}

export type Definition = StageDefinition | SensorDefinition | ActuatorDefinition | SinkDefinition;

/**
 * A definition whose options are checked elsewhere: what a catalog holds. Options were parsed by the definition's own
 * schema before `create`, `encode` or `open` sees them, so the one cast that forgets their type is here.
 */
export function anyOptions<D extends { options: z.ZodObject }>(
  definition: D,
): D extends { kind: infer K } ? Extract<Definition, { kind: K }> : never {
  return definition as never;
}
