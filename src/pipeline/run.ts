/** Runs a plan from its sensors to its actuators, and tells what happened. */

import type { Clock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { ChannelGeometry } from "../events/geometry.ts";
import { seedFor } from "../random.ts";
import type { OperatorRequest } from "../safety/command.ts";
import { limitsOf } from "../safety/limits.ts";
import { createWatchdog, type Watchdog } from "../safety/watchdog.ts";
import type {
  Actuator,
  ActuatorDefinition,
  Counts,
  DriverContext,
  Duty,
  Sensor,
  SensorFlow,
  SetActuator,
  StageContext,
} from "../stage.ts";
import { type BuildEnvironment, buildGraph, type Graph, placedError, type RunningNode } from "./build.ts";
import type { ActuatorNode, Plan, SensorNode } from "./document.ts";
import { dozeUs, isGated } from "./doze.ts";
import { Feedback } from "./feedback.ts";
import { type GuardProcess, guardError } from "./guard-link.ts";
import { type GuardedActuator, guardActuator } from "./guarded.ts";
import { OperatorDesk, type RunStatus } from "./operator.ts";
import { leftBeside, Sinks } from "./sinks.ts";
import { earliest, fedBy, Source, startOf } from "./sources.ts";
import { refuseRepairs } from "./strict.ts";
import { type PacketDetail, Trace } from "./trace.ts";

export interface RunEnvironment {
  readonly clock: Clock;
  /** Aborts the run: it ends as at the end of its recording, in the failsafe. */
  readonly signal: AbortSignal;
  /** Recorded time for each second of the wall; `max` does not wait. With a live source it can only be 1, also for `max`. */
  readonly speed: number | "max";
  /** Opens real actuators; without it `standIn` plays their part. */
  readonly live: boolean;
  /** Arms real actuators at the start. */
  readonly arm: boolean;
  /** A dry run in which stand-ins are armed as real actuators are, not by themselves: the rehearsal of a live run. */
  readonly rehearsal?: boolean;
  /** A repair or a loss is an error, and sinks leave nothing behind. */
  readonly strict?: boolean;
  /** Sinks leave nothing behind when the run is aborted: part of a conversion is none. */
  readonly wholeOnly?: boolean;
  /** Simulates an actuator in a dry run. */
  readonly standIn: ActuatorDefinition;
  /** Starts the process that holds real ports and their guards; without it they are in this one. */
  readonly startGuard?: (heard: { lost: (why: string) => void }) => GuardProcess;
  /** Starts a thread for a stage that wants one; without it all stages are in this one. */
  readonly startThread?: BuildEnvironment["startThread"];
  readonly readText: (path: string) => string;
  readonly readTree?: StageContext["readTree"];
  readonly resolvePath: (path: string) => string;
  /** The same for files that sinks write; `resolvePath` by default. */
  readonly resolveOutput?: (path: string) => string;
  readonly notice: (text: string) => void;
  readonly trace?: TraceSettings;
  /** Where an operator arms and stops, besides the actuators' own channels. */
  readonly desk?: OperatorDesk;
  /** Called at the end, for each stage that learns: its id, and what it has learnt. */
  readonly onLearned?: (stage: string, learned: string) => void;
  /** Called between packets, at most every 50 ms of the wall clock. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface TraceSettings {
  readonly write: (line: string) => void;
  /** Names what is run; asked for when all files have been opened. */
  readonly header: () => Promise<object>;
  readonly detail?: PacketDetail;
}

/** The run as it goes. */
export interface Progress {
  readonly atUs: number;
  readonly startUs: number;
  /** Events and samples that came from the sensors. */
  readonly eventsIn: number;
  /** Share of the sensors that has been read, 0 to 1, where they can tell. */
  readonly share: number | undefined;
  /** What each actuator shows, by its id. */
  readonly readings: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The whole of it, as an operator sees it. */
  readonly status: () => RunStatus;
  /** What each core that accounts for a chip has cost there so far (a `ChipLedger`), by its id. */
  readonly ledgers: () => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface StageSummary {
  readonly id: string;
  readonly use: string;
  readonly out: number;
  readonly counts: Counts;
  readonly lost: Counts;
  /** What a core that accounts for a chip would have cost there (a `ChipLedger`): a model. */
  readonly ledger?: Readonly<Record<string, unknown>>;
  /** Of a gate: how long it slept, and what woke it. */
  readonly duty?: Duty;
  /** What an actuator showed at the end. */
  readonly readings?: Readonly<Record<string, number>>;
  readonly latency: { batches: number; p50Us: number; p99Us: number; maxUs: number };
}

export interface RunSummary {
  readonly document: string;
  readonly live: boolean;
  /** Events that came from the sensors. */
  readonly eventsIn: number;
  /** Samples that came from them, of each channel. */
  readonly samplesIn: number;
  /** Recorded time, microseconds. */
  readonly durationUs: number;
  readonly wallUs: number;
  /** Recorded time over wall time. */
  readonly realTimeFactor: number;
  readonly commands: number;
  readonly stages: readonly StageSummary[];
  /** Damage and repairs of the inputs. */
  readonly problems: readonly string[];
  readonly errors: readonly ReflexarcError[];
  /** It was ended from outside before its sensors had ended. */
  readonly interrupted: boolean;
  readonly exitCode: number;
}

/** Longest silence of the run on the wall clock before every guard trips. */
const stallMs = 200;
const waitUsMax = 1_000_000;
const progressEveryUs = 50_000;
const breatheEveryUs = 10_000;
/** To take what a live source has at hand is quicker than that. */
const waitedUsMin = 1000;

/**
 * Opens the sensors and makes every stage, but no actuator and no sink, and lets go again: what `runPipeline` would refuse
 * is thrown here. A live source is not opened, and then the stages can't be made; answers whether they were.
 */
export async function tryPipeline(plan: Plan, environment: RunEnvironment): Promise<boolean> {
  return await new Run(plan, environment).tryOut();
}

/**
 * Runs to the end of the sensors, an abort or a failure; always ends in the failsafe. Throws a ReflexarcError when
 * something can't be opened, and nothing has moved then; what goes wrong later is in the summary.
 */
export async function runPipeline(plan: Plan, environment: RunEnvironment): Promise<RunSummary> {
  return await new Run(plan, environment).run();
}

class Run {
  readonly #plan: Plan;
  readonly #environment: RunEnvironment;
  readonly #trace: Trace | undefined;
  readonly #sensors = new Map<string, Sensor<SensorFlow>>();
  readonly #actuators = new Map<string, GuardedActuator>();
  /** Those that a simulation has no part in. */
  readonly #devices: readonly ActuatorNode[];
  readonly #sinks: Sinks;
  readonly #ending = new AbortController();
  readonly #errors: ReflexarcError[] = [];
  readonly #abort = () => this.#ending.abort();
  readonly #desk: OperatorDesk;
  #leaveDesk = () => {};
  /** How long a packet in which nothing comes may be at present, microseconds. */
  readonly #dozeUs = () => (this.#graph?.resting() ? this.#dozeUsMax : 0);
  /** Actuators whose device is gone at present. */
  readonly #gone = new Set<string>();
  /** The first error that is none of ours. */
  #defect: unknown;
  #guard: GuardProcess | undefined;
  #graph: Graph | undefined;
  #sources: readonly Source[] = [];
  #feedback = new Feedback([]);
  #startUs = Number.NaN;
  #wallStartUs = Number.NaN;
  #breathedUs = Number.NaN;
  #toldUs = Number.NEGATIVE_INFINITY;
  #atUs = Number.NaN;
  #eventsIn = 0;
  #samplesIn = 0;

  constructor(plan: Plan, environment: RunEnvironment) {
    this.#plan = plan;
    this.#environment = environment;
    this.#sinks = new Sinks(plan);
    const actuators = environment.live ? plan.nodes.filter((node) => node.kind === "actuator") : [];
    this.#devices = actuators.filter(({ definition }) => !definition.selfArming);
    this.#trace = environment.trace && new Trace(environment.trace.write);
    this.#desk = environment.desk ?? new OperatorDesk();
    if (environment.signal.aborted) this.#ending.abort();
    environment.signal.addEventListener("abort", this.#abort, { once: true });
  }

  async run(): Promise<RunSummary> {
    const { clock, trace } = this.#environment;
    try {
      await this.#open();
      if (trace) this.#trace!.begin(await trace.header());
    } catch (cause) {
      await this.#sinks.close("discard");
      await this.#close();
      throw cause;
    }
    const startedUs = clock.nowUs();
    try {
      await this.#play();
      const whole = !(this.#environment.wholeOnly && this.#environment.signal.aborted);
      for (const cause of await this.#sinks.close(whole ? "end" : "discard")) this.#fail(cause);
    } catch (cause) {
      await this.#sinks.close("discard");
      this.#fail(cause);
    }
    const wallUs = clock.nowUs() - startedUs;
    await this.#close();
    // A defect of ours: it is told only now, when nothing moves any more.
    if (this.#defect !== undefined) throw this.#defect;
    return this.#summary(wallUs);
  }

  async tryOut(): Promise<boolean> {
    const sensors = this.#plan.nodes.filter((node) => node.kind === "sensor");
    try {
      const recorded = sensors.filter(({ definition }) => !definition.live);
      for (const node of recorded) this.#sensors.set(node.id, await this.#openSensor(node));
      if (recorded.length < sensors.length) return false;
      const { clock, readText, readTree } = this.#environment;
      const environment = { clock, readText, ...(readTree && { readTree }) };
      this.#graph = buildGraph(this.#plan, this.#sensors, this.#actuators, this.#sinks.byId, environment);
      return true;
    } finally {
      await this.#close();
    }
  }

  async #open(): Promise<void> {
    for (const node of this.#plan.nodes) {
      if (node.kind === "sensor") this.#sensors.set(node.id, await this.#openSensor(node));
    }
    this.#refuseHaste();
    const { clock, readText, readTree, trace, startThread } = this.#environment;
    const told = this.#trace && { trace: { to: this.#trace, detail: trace?.detail ?? "digest" } };
    // The graph comes before the actuators: what a stage refuses is refused before a port opens.
    this.#graph = buildGraph(this.#plan, this.#sensors, this.#actuators, this.#sinks.byId, {
      clock,
      readText,
      ...(readTree && { readTree }),
      ...told,
      ...(startThread && { startThread }),
      paced: this.#speed !== "max",
    });
    await this.#graph.ready();
    await this.#sinks.open(this.#graph.sinkGeometries, this.#sensors, (id) => ({
      ...this.#context(id),
      resolveOutput: this.#environment.resolveOutput ?? this.#environment.resolvePath,
    }));
    for (const node of this.#plan.nodes) {
      if (node.kind === "actuator") this.#actuators.set(node.id, await this.#openActuator(node));
    }
  }

  async #openSensor(node: SensorNode): Promise<Sensor<SensorFlow>> {
    try {
      const beside = this.#sinks.besideOf(node.id);
      const actuator = this.#setBy(node);
      const context = { ...this.#context(node.id), beside, actuator, dozeUs: this.#dozeUs };
      return await node.definition.open(node.options, context);
    } catch (cause) {
      throw placedError(node, cause);
    }
  }

  #isLive({ id, definition }: SensorNode): boolean {
    return this.#sensors.get(id)!.live ?? definition.live;
  }

  /** The actuator that somebody sets with a sensor. */
  #setBy({ definition, options }: SensorNode): SetActuator | undefined {
    const id = definition.sets?.(options);
    const node = this.#plan.nodes.find((each) => each.id === id);
    if (node?.kind !== "actuator") return undefined;
    return {
      use: node.definition.name,
      limits: limitsOf(node.guard.limits, node.id),
      operator: (request) => this.#ask(request, node.id),
      state: () => this.#actuators.get(node.id)?.state,
    };
  }

  /** Somebody asked for something over a device's own channel. */
  #ask(request: OperatorRequest, id: string): void {
    const answer = this.#desk.ask(request, id);
    if (!answer.done) this.#environment.notice(`${id}: ${request} is refused: ${answer.why}`);
  }

  /** The present can be neither hurried nor held up. */
  #refuseHaste(): void {
    const { speed } = this.#environment;
    if (speed === "max" || speed === 1) return;
    for (const node of this.#plan.nodes) {
      if (node.kind !== "sensor" || !this.#isLive(node)) continue;
      throw new ReflexarcError({
        kind: "usage",
        room: node.id,
        what: `a live source can't run at speed ${speed}`,
        remedy: "Leave the speed out.",
      });
    }
  }

  /** As it was asked for, but for the present, which has its own; known when all sensors are open. */
  get #speed(): number | "max" {
    const present = this.#plan.nodes.some((node) => node.kind === "sensor" && this.#isLive(node));
    return present ? 1 : this.#environment.speed;
  }

  /**
   * Longest packet while the run dozes, microseconds of packet time; there is no use in it where nothing is waited for. A
   * device that is armed hears of its guard as often as it wants to.
   */
  get #dozeUsMax(): number {
    const speed = this.#speed;
    if (speed === "max") return 0;
    let longestUs = dozeUs;
    for (const { id, guard } of this.#devices)
      if (this.#actuators.get(id)?.state === "armed")
        longestUs = Math.min(longestUs, 1000 * guard.keepAliveMs);
    return longestUs * Math.min(1, speed);
  }

  #openActuator(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, startGuard } = this.#environment;
    if (!live || !startGuard || !node.definition.ownProcess) return this.#openHere(node);
    const reader = this.#plan.nodes.find(
      ({ kind, options }) =>
        kind === "sensor" && options.port !== undefined && options.port === node.options.port,
    );
    if (!reader) return this.#openFar(node, startGuard);
    this.#environment.notice(
      `${node.id}: "${reader.id}" reads the same port, so no process of its own can guard it: when this one is killed, only the device's own timeout ends the motion`,
    );
    return this.#openHere(node);
  }

  async #openHere(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, standIn, clock, speed, rehearsal } = this.#environment;
    const real = live || node.definition.selfArming;
    const definition = real ? node.definition : standIn;
    let guarded: GuardedActuator | undefined;
    const actuator: Actuator = await definition.open(real ? node.options : standInOptions(standIn, node), {
      ...this.#context(node.id),
      operator: (request) => this.#ask(request, node.id),
      missed: (at) => guarded?.missed(at),
      fault: () => guarded?.fault(),
      connection: (state, why) => {
        guarded?.connection(state);
        this.#connection(node.id, state, why);
      },
    });
    guarded = guardActuator({
      id: node.id,
      guard: node.guard,
      actuator,
      encode: node.definition.encode(node.options),
      selfArming: definition.selfArming && (real || !rehearsal),
      tellReadings: node.definition.selfArming || !(live || rehearsal),
      tap: this.#trace?.tapRecords(node.index, node.id),
      pass:
        definition.selfArming || speed === "max"
          ? undefined
          : (spanUs) => clock.until(clock.nowUs() + spanUs / speed),
    });
    return guarded;
  }

  /** Opens it in the guard process, which the first of them starts. */
  #openFar(
    { id, index, definition, options, guard }: ActuatorNode,
    startGuard: NonNullable<RunEnvironment["startGuard"]>,
  ): Promise<GuardedActuator> {
    const { speed } = this.#environment;
    this.#guard ??= startGuard({ lost: (why) => this.#guardLost(why) });
    return this.#guard.open(
      id,
      {
        use: definition.name,
        options,
        guard,
        pipeline: this.#plan.pipeline,
        seed: seedFor(this.#plan.seed, id),
        speed: speed === "max" ? 1 : Math.min(1, speed),
        ...(isGated(this.#plan) && { dozeUs: this.#dozeUsMax }),
        traced: this.#trace !== undefined,
      },
      {
        tap: this.#trace?.tapRecords(index, id),
        connection: (state, why) => this.#connection(id, state, why),
      },
    );
  }

  #connection(id: string, state: "connected" | "lost", why: string): void {
    if (state === "lost") this.#gone.add(id);
    else this.#gone.delete(id);
    this.#environment.notice(`${id}: ${state}, ${why}`);
    if (state === "lost") this.#deviceLost(id, why);
  }

  /** The run ends: without its guard it can't move anything. */
  #guardLost(why: string): void {
    this.#errors.unshift(guardError("guard", `the guard process is gone: ${why}`));
    this.#ending.abort();
  }

  #deviceLost(id: string, why: string): void {
    if (this.#errors.some(({ detail }) => detail.kind === "device" && detail.room === id)) return;
    const remedy = "Connect it again; then arm again: nothing moves by itself.";
    this.#errors.push(
      new ReflexarcError({ kind: "device", room: id, what: `the device was lost: ${why}`, remedy }),
    );
  }

  #context(id: string): DriverContext {
    const { clock, resolvePath, notice } = this.#environment;
    return {
      id,
      pipeline: this.#plan.pipeline,
      clock,
      signal: this.#ending.signal,
      seed: seedFor(this.#plan.seed, id),
      resolvePath,
      notice,
    };
  }

  /**
   * Of the recordings, pulls the one that is furthest behind, so that every run merges them in the same order. A live
   * source is waited for by itself: it says how far it has come every few milliseconds, and holds up nobody.
   */
  async #play(): Promise<void> {
    const { clock, arm, live, rehearsal } = this.#environment;
    this.#sources = this.#openSources();
    const sources = this.#sources;
    const recorded = sources.filter((source) => !source.live);
    const present = sources.filter((source) => source.live);
    for (const source of recorded) await this.#advance(source);
    await Promise.all(present.map((source) => this.#advance(source)));
    this.#startUs = startOf(present.some(({ head }) => head) ? present : sources);
    this.#feedback = this.#openFeedback();
    for (const source of sources) source.startAt(this.#startUs, present.length > 0, this.#feedback.nextCutUs);
    for (const actuator of this.#actuators.values()) actuator.begin(this.#startUs);
    if (sources.length > 0) this.#feedback.begin(this.#startUs);
    this.#leaveDesk = this.#desk.attend({
      ids: [...this.#actuators.keys()],
      request: (id, request) => this.#actuators.get(id)?.request(request),
      status: () => this.#status(),
    });
    if ((live || rehearsal) && arm) {
      const answer = this.#desk.ask("arm");
      if (!answer.done) this.#environment.notice(`nothing is armed: ${answer.why}`);
    }

    const speed = this.#speed;
    this.#wallStartUs = clock.nowUs();
    this.#breathedUs = this.#wallStartUs;
    const watchdog =
      speed === "max" ? undefined : createWatchdog({ clock, deadlineMs: stallMs }, () => this.#stalled());
    const drive = async (group: readonly Source[], pace: number | "max") => {
      try {
        await this.#drive(group, pace, watchdog);
      } catch (cause) {
        this.#ending.abort();
        throw cause;
      }
    };
    try {
      const driven = await Promise.allSettled([
        drive(recorded, speed),
        ...present.map((source) => drive([source], "max")),
      ]);
      const failed = driven.find(({ status }) => status === "rejected");
      if (failed) throw (failed as PromiseRejectedResult).reason;
      this.#tell();
    } finally {
      watchdog?.stop();
    }
  }

  #openSources(): Source[] {
    return this.#plan.nodes.flatMap((node) => {
      if (node.kind !== "sensor" || node.definition.readsBack) return [];
      const sensor = this.#sensors.get(node.id)!;
      const input = this.#graph!.inputs.get(node.id)!;
      return [new Source({ id: node.id, sensor, live: this.#isLive(node), input }, this.#dozeUs)];
    });
  }

  #openFeedback(): Feedback {
    const loops = this.#plan.nodes.flatMap((node) => {
      if (node.kind !== "sensor" || !node.definition.readsBack) return [];
      const readBack = node.definition.readsBack(node.options);
      const geometry = this.#sensors.get(node.id)!.geometry as ChannelGeometry;
      const actuator = this.#actuators.get(readBack.of)!;
      const input = this.#graph!.inputs.get(node.id)!;
      return [{ readBack, geometry, input, readings: (atUs: number) => actuator.readings(atUs) }];
    });
    return new Feedback(loops);
  }

  /** Pushes the packets of some sources into the graph, in order of time, until they have ended. */
  async #drive(
    sources: readonly Source[],
    speed: number | "max",
    watchdog: Watchdog | undefined,
  ): Promise<void> {
    const { clock, strict } = this.#environment;
    for (let next = earliest(sources); next && !this.#ending.signal.aborted; next = earliest(sources)) {
      const packet = next.head!;
      if (speed !== "max")
        await this.#wait(this.#wallStartUs + (packet.toUs - this.#startUs) / speed, watchdog);
      watchdog?.beat();
      next.push();
      const onTheWay = this.#graph!.settle();
      if (onTheWay) await onTheWay;
      if ("addresses" in packet) this.#eventsIn += packet.count;
      else this.#samplesIn += packet.count;
      const beforeUs = Number.isNaN(this.#atUs) ? packet.fromUs : this.#atUs;
      this.#atUs = Math.max(packet.toUs, beforeUs);
      this.#keepTime(beforeUs);
      this.#trace?.flush();
      const failure = this.#graph!.failure();
      if (failure) throw failure;
      await this.#sinks.settle();
      if (strict) refuseRepairs(this.#sensors, this.#graph!.running);
      if (next.live) this.#lookAfter(next);
      // A live source that dozes speaks less often.
      if (next.live) watchdog?.beat(this.#dozeUs());
      const doneUs = clock.nowUs();
      await this.#advance(next);
      this.#feedback.reached(Math.min(...this.#sources.map(({ reachedUs }) => reachedUs)));
      const nowUs = clock.nowUs();
      if (nowUs - this.#toldUs > progressEveryUs) {
        this.#toldUs = nowUs;
        this.#tell();
      }
      // A live source was waited for, and what else waited has had its turn.
      if (next.live && nowUs - doneUs > waitedUsMin) this.#breathedUs = nowUs;
      if (nowUs - this.#breathedUs > breatheEveryUs) {
        await clock.breathe();
        this.#breathedUs = clock.nowUs();
      }
    }
    if (strict) refuseRepairs(this.#sensors, this.#graph!.running);
  }

  /** Waits as planned, however long: the watchdog must see that this is no stall. */
  async #wait(dueUs: number, watchdog: Watchdog | undefined): Promise<void> {
    const { clock } = this.#environment;
    const { signal } = this.#ending;
    for (let nowUs = clock.nowUs(); nowUs < dueUs && !signal.aborted; nowUs = clock.nowUs()) {
      const waitUs = Math.min(dueUs - nowUs, waitUsMax);
      watchdog?.beat(waitUs);
      await clock.until(nowUs + waitUs, signal);
      watchdog?.beat();
      // What waited for its turn has had it.
      this.#breathedUs = clock.nowUs();
    }
  }

  /** Time goes on for a guard whose source has ended before the others: its watchdog must see the silence. */
  #keepTime(fromUs: number): void {
    for (const id of this.#graph!.ended)
      this.#actuators.get(id)?.step({ fromUs, toUs: this.#atUs, commands: [] });
  }

  /** A live source that went stale sends what it feeds to its failsafe, once. */
  #lookAfter(source: Source): void {
    const stale = source.sensor.stale?.();
    if ((stale === undefined) === (source.stale === undefined)) return;
    const { id } = source;
    source.stale = stale;
    this.#environment.notice(stale ? `${id}: stale, ${stale.why}` : `${id}: it is heard again`);
    if (!stale) return;
    if (stale.lost) this.#deviceLost(id, stale.why);
    for (const fed of fedBy(this.#plan, id)) this.#actuators.get(fed)?.stalled();
  }

  /** Asks a source for its next packet; a damaged recording ends its stream after its good prefix. */
  async #advance(source: Source): Promise<void> {
    try {
      await source.advance();
    } catch (cause) {
      if (this.#environment.strict) throw cause;
      this.#fail(cause);
      source.head = undefined;
    }
    if (source.head !== undefined) return;
    source.reachedUs = Infinity;
    source.input.complete();
    if (this.#sources.every(({ head }) => head === undefined)) this.#feedback.end();
  }

  #stalled(): void {
    for (const actuator of this.#actuators.values()) actuator.stalled();
    this.#environment.notice(`nothing was processed for ${stallMs} ms: every actuator went to its failsafe`);
  }

  #ledgers(): Record<string, Readonly<Record<string, unknown>>> {
    return Object.fromEntries(
      (this.#graph?.running ?? []).flatMap(({ node, ledger }) => {
        const told = ledger();
        return told ? [[node.id, told]] : [];
      }),
    );
  }

  #tell(): void {
    const { onProgress } = this.#environment;
    if (!onProgress) return;
    const readings = Object.fromEntries(
      [...this.#actuators].map(([id, actuator]) => [id, actuator.readings()]),
    );
    const shares = this.#sources.map(({ sensor }) => sensor.share?.());
    const share = shares.includes(undefined) ? undefined : Math.min(...(shares as number[]));
    onProgress({
      share,
      atUs: this.#atUs,
      startUs: this.#startUs,
      eventsIn: this.#eventsIn + this.#samplesIn,
      readings,
      status: () => this.#status(),
      ledgers: () => this.#ledgers(),
    });
  }

  #status(): RunStatus {
    const actuators = this.#plan.nodes.flatMap(({ id, definition }) => {
      const actuator = this.#actuators.get(id);
      if (!actuator) return [];
      const { state, said, commandsSent: commands } = actuator;
      return [
        {
          id,
          use: definition.name,
          state,
          device: this.#gone.has(id) ? ("lost" as const) : ("connected" as const),
          said,
          readings: actuator.readings(),
          commands,
          counts: actuator.counts(),
        },
      ];
    });
    return {
      document: this.#plan.name,
      live: this.#environment.live,
      atUs: Number.isNaN(this.#atUs) ? undefined : this.#atUs,
      eventsIn: this.#eventsIn,
      actuators,
    };
  }

  /** Stops the actuators first, then lets go of everything, whatever fails on the way. */
  async #close(): Promise<void> {
    this.#leaveDesk();
    const actuators = [...this.#actuators.values()];
    await this.#all(actuators.map((actuator) => () => actuator.stop()));
    this.#ending.abort();
    this.#environment.signal.removeEventListener("abort", this.#abort);
    this.#guard?.close();
    await this.#graph?.finish();
    this.#graph?.close();
    await this.#all([...this.#sources.map((source) => () => source.close()), async () => this.#trace?.end()]);
  }

  async #all(works: readonly (() => Promise<unknown>)[]): Promise<void> {
    for (const work of works) await work().catch((cause) => this.#fail(cause));
  }

  #fail(cause: unknown): void {
    if (cause instanceof ReflexarcError) this.#errors.push(cause);
    else this.#defect ??= cause;
  }

  #problems(stages: readonly StageSummary[]): string[] {
    return [...this.#sensors].flatMap(([id, sensor]) => {
      const told = (sensor.problems?.() ?? []).map((problem) => `${id}: ${problem}`);
      const silent =
        !this.#environment.signal.aborted && stages.some((stage) => stage.id === id && stage.out === 0);
      const none = sensor.geometry.kind === "channels" ? "sample" : "event";
      return silent ? [...told, `${id}: no ${none} came from it`] : told;
    });
  }

  #summary(wallUs: number): RunSummary {
    const running = this.#graph?.running ?? [];
    for (const { node, learned } of this.#environment.onLearned ? running : []) {
      const text = learned();
      if (text !== undefined) this.#environment.onLearned?.(node.id, text);
    }
    const durationUs = Number.isNaN(this.#atUs) ? 0 : this.#atUs - this.#startUs;
    const beside = leftBeside(this.#plan, this.#sensors);
    const stages = running.map((each) => {
      const stage = summarise(each, this.#actuators.get(each.node.id));
      return { ...stage, lost: { ...stage.lost, ...beside.get(stage.id) } };
    });
    const lostAny = stages.some((stage) => Object.values(stage.lost).some((count) => count > 0));
    return {
      document: this.#plan.name,
      live: this.#environment.live,
      eventsIn: this.#eventsIn,
      samplesIn: this.#samplesIn,
      durationUs,
      wallUs,
      realTimeFactor: wallUs > 0 ? durationUs / wallUs : 0,
      commands: [...this.#actuators.values()].reduce((sum, actuator) => sum + actuator.commandsSent, 0),
      stages,
      problems: this.#problems(stages),
      errors: this.#errors,
      interrupted: this.#environment.signal.aborted,
      exitCode: this.#errors[0]?.exitCode ?? (lostAny ? 4 : 0),
    };
  }
}

/** A simulation gets of the real actuator's options what it knows: its pulses and its angles. */
function standInOptions(standIn: ActuatorDefinition, { options }: ActuatorNode): Record<string, unknown> {
  const known = Object.entries(options).filter(([name]) => name in standIn.options.shape);
  return standIn.options.parse(Object.fromEntries(known)) as Record<string, unknown>;
}

function summarise(
  { node, out, counts, lost, ledger, duty, meter }: RunningNode,
  actuator: GuardedActuator | undefined,
): StageSummary {
  const account = ledger();
  const spent = duty();
  return {
    id: node.id,
    use: node.definition.name,
    // A guard in a process of its own only tells afterwards what it sent.
    out: out || (actuator?.commandsSent ?? 0),
    counts: counts(),
    lost: lost(),
    ...(account && { ledger: account }),
    ...(spent && { duty: spent }),
    ...(actuator && { readings: actuator.readings() }),
    latency: meter.summary(),
  };
}
