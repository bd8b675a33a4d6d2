/** Runs a plan from its sensors to its actuators, and tells what happened. */

import { ReflexarcError } from "../errors.ts";
import type { ChannelGeometry } from "../events/geometry.ts";
import { seedFor } from "../random.ts";
import type { OperatorRequest } from "../safety/command.ts";
import { limitsOf } from "../safety/limits.ts";
import { createWatchdog, type Watchdog } from "../safety/watchdog.ts";
import type { DriverContext, Sensor, SensorFlow, SetActuator } from "../stage.ts";
import { Actuators } from "./actuators.ts";
import { buildGraph, type Graph, placedError } from "./build.ts";
import type { Plan, SensorNode } from "./document.ts";
import type { RunEnvironment } from "./environment.ts";
import { Feedback } from "./feedback.ts";
import { guardError } from "./guard-link.ts";
import { OperatorDesk, type RunStatus } from "./operator.ts";
import { leftBeside, Sinks } from "./sinks.ts";
import { earliest, fedBy, Source, startOf } from "./sources.ts";
import { refuseRepairs } from "./strict.ts";
import { type RunSummary, type StageSummary, summarise } from "./summary.ts";
import { Trace } from "./trace.ts";

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
  readonly #actuators: Actuators;
  readonly #sinks: Sinks;
  readonly #ending = new AbortController();
  readonly #errors: ReflexarcError[] = [];
  readonly #abort = () => this.#ending.abort();
  readonly #desk: OperatorDesk;
  #leaveDesk = () => {};
  /** How long a packet in which nothing comes may be at present, microseconds. */
  readonly #dozeUs = () => (this.#graph?.resting() ? this.#actuators.dozeUsMax : 0);
  /** The first error that is none of ours. */
  #defect: unknown;
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
    this.#trace = environment.trace && new Trace(environment.trace.write);
    this.#actuators = new Actuators({
      plan,
      environment,
      trace: this.#trace,
      speed: () => this.#speed,
      context: (id) => this.#context(id),
      ask: (request, id) => this.#ask(request, id),
      deviceLost: (id, why) => this.#deviceLost(id, why),
      guardLost: (why) => this.#guardLost(why),
    });
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
      this.#graph = buildGraph(
        this.#plan,
        this.#sensors,
        this.#actuators.byId,
        this.#sinks.byId,
        environment,
      );
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
    this.#graph = buildGraph(this.#plan, this.#sensors, this.#actuators.byId, this.#sinks.byId, {
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
    await this.#actuators.open();
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
      state: () => this.#actuators.byId.get(node.id)?.state,
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
    for (const actuator of this.#actuators.byId.values()) actuator.begin(this.#startUs);
    if (sources.length > 0) this.#feedback.begin(this.#startUs);
    this.#leaveDesk = this.#desk.attend({
      ids: [...this.#actuators.byId.keys()],
      request: (id, request) => this.#actuators.byId.get(id)?.request(request),
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
      const actuator = this.#actuators.byId.get(readBack.of)!;
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
      this.#actuators.byId.get(id)?.step({ fromUs, toUs: this.#atUs, commands: [] });
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
    for (const fed of fedBy(this.#plan, id)) this.#actuators.byId.get(fed)?.stalled();
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
    for (const actuator of this.#actuators.byId.values()) actuator.stalled();
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
    const shares = this.#sources.map(({ sensor }) => sensor.share?.());
    const share = shares.includes(undefined) ? undefined : Math.min(...(shares as number[]));
    onProgress({
      share,
      atUs: this.#atUs,
      startUs: this.#startUs,
      eventsIn: this.#eventsIn + this.#samplesIn,
      readings: this.#actuators.readings(),
      status: () => this.#status(),
      ledgers: () => this.#ledgers(),
    });
  }

  #status(): RunStatus {
    return {
      document: this.#plan.name,
      live: this.#environment.live,
      atUs: Number.isNaN(this.#atUs) ? undefined : this.#atUs,
      eventsIn: this.#eventsIn,
      actuators: this.#actuators.status(),
    };
  }

  /** Stops the actuators first, then lets go of everything, whatever fails on the way. */
  async #close(): Promise<void> {
    this.#leaveDesk();
    const actuators = [...this.#actuators.byId.values()];
    await this.#all(actuators.map((actuator) => () => actuator.stop()));
    this.#ending.abort();
    this.#environment.signal.removeEventListener("abort", this.#abort);
    this.#actuators.close();
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
      const stage = summarise(each, this.#actuators.byId.get(each.node.id));
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
      commands: [...this.#actuators.byId.values()].reduce((sum, actuator) => sum + actuator.commandsSent, 0),
      stages,
      problems: this.#problems(stages),
      errors: this.#errors,
      interrupted: this.#environment.signal.aborted,
      exitCode: this.#errors[0]?.exitCode ?? (lostAny ? 4 : 0),
    };
  }
}
