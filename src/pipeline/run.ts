/** Runs a plan from its sensors to its actuators, and tells what happened. */

import type { Subject } from "rxjs";
import type { Clock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import { Packet } from "../events/packet.ts";
import { seedFor } from "../random.ts";
import type { OperatorRequest } from "../safety/command.ts";
import { createWatchdog } from "../safety/watchdog.ts";
import type { Actuator, ActuatorDefinition, Counts, DriverContext, Sensor } from "../stage.ts";
import { buildGraph, type Graph, type RunningNode } from "./build.ts";
import type { ActuatorNode, Plan } from "./document.ts";
import { type GuardProcess, guardError } from "./guard-link.ts";
import { type GuardedActuator, guardActuator } from "./guarded.ts";
import { type PacketDetail, Trace } from "./trace.ts";

export interface RunEnvironment {
  readonly clock: Clock;
  /** Aborts the run: it ends as at the end of its recording, in the failsafe. */
  readonly signal: AbortSignal;
  /** Recorded time for each second of the wall; `max` does not wait. */
  readonly speed: number | "max";
  /** Opens real actuators; without it `standIn` plays their part. */
  readonly live: boolean;
  /** Arms real actuators at the start. */
  readonly arm: boolean;
  /** Simulates an actuator in a dry run. */
  readonly standIn: ActuatorDefinition;
  /** Starts the process that holds real ports and their guards; without it they are in this one. */
  readonly startGuard?: (heard: { lost: (why: string) => void }) => GuardProcess;
  readonly readText: (path: string) => string;
  readonly resolvePath: (path: string) => string;
  readonly notice: (text: string) => void;
  readonly trace?: TraceSettings;
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
  readonly eventsIn: number;
  /** Share of the sensors that has been read, 0 to 1, where they can tell. */
  readonly share: number | undefined;
  /** What each actuator shows, by its id. */
  readonly readings: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Sends an operator's request to every guard. */
  readonly request: (request: OperatorRequest) => void;
}

export interface StageSummary {
  readonly id: string;
  readonly use: string;
  readonly out: number;
  readonly counts: Counts;
  readonly lost: Counts;
  readonly latency: { batches: number; p50Us: number; p99Us: number; maxUs: number };
}

export interface RunSummary {
  readonly document: string;
  readonly live: boolean;
  readonly eventsIn: number;
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
  readonly exitCode: number;
}

/** Longest silence of the run on the wall clock before every guard trips. */
const stallMs = 200;
const progressEveryUs = 50_000;
const breatheEveryUs = 10_000;

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
  readonly #sensors = new Map<string, Sensor>();
  readonly #actuators = new Map<string, GuardedActuator>();
  readonly #ending = new AbortController();
  readonly #errors: ReflexarcError[] = [];
  #guard: GuardProcess | undefined;
  #graph: Graph | undefined;
  #sources: readonly Source[] = [];
  #startUs = Number.NaN;
  #atUs = Number.NaN;
  #eventsIn = 0;

  constructor(plan: Plan, environment: RunEnvironment) {
    this.#plan = plan;
    this.#environment = environment;
    this.#trace = environment.trace && new Trace(environment.trace.write);
    if (environment.signal.aborted) this.#ending.abort();
    environment.signal.addEventListener("abort", () => this.#ending.abort(), { once: true });
  }

  async run(): Promise<RunSummary> {
    const { clock, trace } = this.#environment;
    try {
      await this.#open();
      if (trace) this.#trace!.begin(await trace.header());
    } catch (cause) {
      await this.#close();
      throw cause;
    }
    const startedUs = clock.nowUs();
    try {
      await this.#play();
    } catch (cause) {
      this.#fail(cause);
    }
    const wallUs = clock.nowUs() - startedUs;
    await this.#close();
    return this.#summary(wallUs);
  }

  async #open(): Promise<void> {
    for (const node of this.#plan.nodes) {
      if (node.kind === "sensor")
        this.#sensors.set(node.id, await node.definition.open(node.options, this.#context(node.id)));
    }
    const { clock, readText, trace } = this.#environment;
    const told = this.#trace && { trace: { to: this.#trace, detail: trace?.detail ?? "digest" } };
    // The graph comes before the actuators: what a stage refuses is refused before a port opens.
    this.#graph = buildGraph(this.#plan, this.#sensors, this.#actuators, { clock, readText, ...told });
    for (const node of this.#plan.nodes) {
      if (node.kind === "actuator") this.#actuators.set(node.id, await this.#openActuator(node));
    }
  }

  #openActuator(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, startGuard } = this.#environment;
    return live && node.definition.ownProcess && startGuard
      ? this.#openFar(node, startGuard)
      : this.#openHere(node);
  }

  async #openHere(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, standIn, clock, speed } = this.#environment;
    const real = live || node.definition.selfArming;
    const definition = real ? node.definition : standIn;
    let guarded: GuardedActuator | undefined;
    const actuator: Actuator = await definition.open(real ? node.options : standInOptions(standIn, node), {
      ...this.#context(node.id),
      operator: (request) => guarded?.request(request),
      fault: (why) => {
        guarded?.fault();
        this.#environment.notice(`${node.id}: ${why}`);
      },
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
      selfArming: definition.selfArming,
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
        seed: seedFor(this.#plan.seed, id),
        speed: speed === "max" ? 1 : Math.min(1, speed),
      },
      {
        tap: this.#trace?.tapRecords(index, id),
        connection: (state, why) => this.#connection(id, state, why),
      },
    );
  }

  #connection(id: string, state: "connected" | "lost", why: string): void {
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
    const remedy = "Plug it in again; then arm again: nothing moves by itself.";
    this.#errors.push(
      new ReflexarcError({ kind: "device", room: id, what: `the device was lost: ${why}`, remedy }),
    );
  }

  #context(id: string): DriverContext {
    const { clock, resolvePath, notice } = this.#environment;
    return {
      id,
      clock,
      signal: this.#ending.signal,
      seed: seedFor(this.#plan.seed, id),
      resolvePath,
      notice,
    };
  }

  /** Pulls the source that is furthest behind, so that every run merges its sources in the same order. */
  async #play(): Promise<void> {
    const { clock, speed, arm, live } = this.#environment;
    const sources = [...this.#sensors].map(
      ([id, sensor]) => new Source(sensor, this.#graph!.inputs.get(id)!),
    );
    for (const source of sources) await this.#advance(source);
    const waiting = () => sources.filter((source) => source.head !== undefined);
    this.#startUs = Math.min(...waiting().map((source) => source.head!.fromUs));
    for (const source of waiting()) source.startAt(this.#startUs);
    for (const actuator of this.#actuators.values()) {
      actuator.begin(this.#startUs);
      if (live && arm) actuator.request("arm");
    }

    const wallStartUs = clock.nowUs();
    const watchdog =
      speed === "max" ? undefined : createWatchdog({ clock, deadlineMs: stallMs }, () => this.#stalled());
    let breathedUs = wallStartUs;
    let toldUs = Number.NEGATIVE_INFINITY;
    try {
      for (let next = earliest(waiting()); next && !this.#ending.signal.aborted; next = earliest(waiting())) {
        const packet = next.head!;
        if (speed !== "max")
          await clock.until(wallStartUs + (packet.toUs - this.#startUs) / speed, this.#ending.signal);
        watchdog?.beat();
        next.input.next(packet);
        this.#eventsIn += packet.count;
        this.#atUs = Math.max(packet.toUs, Number.isNaN(this.#atUs) ? packet.toUs : this.#atUs);
        this.#trace?.flush();
        const failure = this.#graph!.failure();
        if (failure) throw failure;
        await this.#advance(next);
        const nowUs = clock.nowUs();
        if (nowUs - toldUs > progressEveryUs) {
          toldUs = nowUs;
          this.#tell();
        }
        if (nowUs - breathedUs > breatheEveryUs) {
          await clock.breathe();
          breathedUs = clock.nowUs();
        }
      }
      this.#tell();
    } finally {
      watchdog?.stop();
    }
  }

  /** Asks a source for its next packet; a damaged recording ends its stream after its good prefix. */
  async #advance(source: Source): Promise<void> {
    try {
      await source.advance();
    } catch (cause) {
      this.#fail(cause);
      source.head = undefined;
    }
    if (source.head === undefined) source.input.complete();
  }

  #stalled(): void {
    for (const actuator of this.#actuators.values()) actuator.stalled();
    this.#environment.notice(`nothing was processed for ${stallMs} ms: every actuator went to its failsafe`);
  }

  #tell(): void {
    const { onProgress } = this.#environment;
    if (!onProgress) return;
    const readings = Object.fromEntries(
      [...this.#actuators].map(([id, actuator]) => [id, actuator.readings()]),
    );
    const request = (what: OperatorRequest) => {
      for (const actuator of this.#actuators.values()) actuator.request(what);
    };
    const shares = [...this.#sensors.values()].map((sensor) => sensor.share?.());
    const share = shares.includes(undefined) ? undefined : Math.min(...(shares as number[]));
    onProgress({
      share,
      atUs: this.#atUs,
      startUs: this.#startUs,
      eventsIn: this.#eventsIn,
      readings,
      request,
    });
  }

  async #close(): Promise<void> {
    for (const source of this.#sources) await source.close();
    for (const actuator of this.#actuators.values()) {
      try {
        await actuator.stop();
      } catch (cause) {
        this.#fail(cause);
      }
    }
    this.#guard?.close();
    this.#graph?.close();
    this.#ending.abort();
    this.#trace?.end();
  }

  #fail(cause: unknown): void {
    if (cause instanceof ReflexarcError) this.#errors.push(cause);
    else throw cause;
  }

  #summary(wallUs: number): RunSummary {
    const running = this.#graph?.running ?? [];
    const durationUs = Number.isNaN(this.#atUs) ? 0 : this.#atUs - this.#startUs;
    const stages = running.map((each) => summarise(each, this.#actuators.get(each.node.id)));
    const lostAny = stages.some((stage) => Object.values(stage.lost).some((count) => count > 0));
    return {
      document: this.#plan.name,
      live: this.#environment.live,
      eventsIn: this.#eventsIn,
      durationUs,
      wallUs,
      realTimeFactor: wallUs > 0 ? durationUs / wallUs : 0,
      commands: [...this.#actuators.values()].reduce((sum, actuator) => sum + actuator.commandsSent, 0),
      stages,
      problems: [...this.#sensors].flatMap(([id, sensor]) =>
        (sensor.problems?.() ?? []).map((problem) => `${id}: ${problem}`),
      ),
      errors: this.#errors,
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
  { node, out, counts, lost, meter }: RunningNode,
  actuator: GuardedActuator | undefined,
): StageSummary {
  return {
    id: node.id,
    use: node.definition.name,
    // A guard in a process of its own only tells afterwards what it sent.
    out: out || (actuator?.commandsSent ?? 0),
    counts: counts(),
    lost: lost(),
    latency: meter.summary(),
  };
}

/** A sensor being pulled, with the packet that comes next. */
class Source {
  readonly input: Subject<Packet>;
  head: Packet | undefined;
  readonly #packets: AsyncIterator<Packet>;
  readonly #geometry: Sensor["geometry"];

  constructor(sensor: Sensor, input: Subject<Packet>) {
    this.input = input;
    this.#packets = sensor.packets[Symbol.asyncIterator]();
    this.#geometry = sensor.geometry;
  }

  async advance(): Promise<void> {
    const next = await this.#packets.next();
    this.head = next.done ? undefined : next.value;
  }

  async close(): Promise<void> {
    await this.#packets.return?.();
  }

  /** A sensor that starts later than the others says that nothing came until then. */
  startAt(timeUs: number): void {
    if (this.head && this.head.fromUs > timeUs)
      this.input.next(new Packet(this.#geometry, 1).begin(timeUs, this.head.fromUs));
  }
}

function earliest(sources: readonly Source[]): Source | undefined {
  return sources.reduce<Source | undefined>(
    (first, source) => (first && first.head!.toUs <= source.head!.toUs ? first : source),
    undefined,
  );
}
