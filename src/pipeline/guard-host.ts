/** The guard process's side: holds the ports and their guards, and fails safe when the run falls silent. */

import type { Clock } from "../clock.ts";
import { type ErrorDetail, ReflexarcError } from "../errors.ts";
import type { Commands, OperatorRequest } from "../safety/command.ts";
import { createWatchdog } from "../safety/watchdog.ts";
import type { ActuatorDefinition } from "../stage.ts";
import type { Channel, FromGuard, OpenRequest, ToGuard, Told } from "./guard-link.ts";
import { type GuardedActuator, guardActuator } from "./guarded.ts";
import { WallPace } from "./wall-pace.ts";

export interface HostSetup {
  readonly channel: Channel<ToGuard, FromGuard>;
  readonly clock: Clock;
  readonly drivers: ReadonlyMap<string, ActuatorDefinition>;
  readonly resolvePath: (path: string) => string;
  /** Longest silence of the run while armed, milliseconds. */
  readonly deadlineMs?: number;
}

/** How often the guard looks at its clock at most, microseconds. */
const lookUs = 5000;

export interface GuardHost {
  /** The run is gone and everything has been let go of. */
  readonly ended: Promise<void>;
  /** Asks every guard. */
  request(request: OperatorRequest): void;
}

/**
 * Serves one run. A message of any kind shows that the run lives; without one for `deadlineMs` every guard trips. When the
 * line closes, every guard trips at once, its motion to the failsafe is brought to its end, and the ports are closed.
 */
export function hostGuards({ channel, clock, drivers, resolvePath, deadlineMs = 200 }: HostSetup): GuardHost {
  const hosted = new Map<string, Hosted>();
  const ending = new AbortController();
  const tell = (message: FromGuard) => channel.send(message);
  const notice = (text: string) => tell({ say: "notice", text });

  const watchdog = createWatchdog({ clock, deadlineMs }, (silentUs) => {
    const armed = [...hosted.values()].filter(({ guarded }) => guarded.state === "armed");
    for (const each of armed) each.act((guarded) => guarded.stalled());
    if (armed.length > 0)
      notice(
        `the guard heard nothing for ${Math.round(silentUs / 1000)} ms: every actuator went to its failsafe`,
      );
  });

  const open = async (id: string, request: OpenRequest) => {
    const definition = drivers.get(request.use);
    try {
      if (!definition) throw new Error(`the guard process knows no driver "${request.use}"`);
      hosted.set(id, await openHosted(id, definition, request));
      tell({ say: "opened", id });
    } catch (cause) {
      tell({ say: "failed", id, error: detailOf(id, cause) });
    }
  };

  const openHosted = async (id: string, definition: ActuatorDefinition, request: OpenRequest) => {
    const { options, guard, pipeline, seed, speed, dozeUs = 0, traced } = request;
    let opened: Hosted | undefined;
    const reached = (toUs: number) => tell({ say: "reached", id, toUs, told: toldOf(guarded) });
    const actuator = await definition.open(options, {
      id,
      pipeline,
      clock,
      signal: ending.signal,
      seed,
      resolvePath,
      notice,
      operator: (what) => opened?.act((guarded) => guarded.request(what)),
      missed: (at) => opened?.guarded.missed(at),
      fault: () => opened?.act((guarded) => guarded.fault()),
      connection: (state, why) => {
        opened?.act((guarded) => guarded.connection(state));
        tell({ say: "connection", id, state, why });
      },
    });
    const guarded = guardActuator({
      id,
      guard,
      actuator,
      encode: definition.encode(options),
      selfArming: false,
      // A trace wants every step, in order; without one it is enough to answer now and then.
      tap: {
        say: (atUs, record) => traced && tell({ say: "record", id, atUs, record }),
        reached: (toUs) => (traced ? reached(toUs) : opened?.reached(toUs)),
      },
      pass: (spanUs) => clock.until(clock.nowUs() + spanUs / speed),
    });
    const pace = new WallPace(clock.nowUs, { speed, everyUs: guard.everyUs, batchUs: dozeUs });
    opened = new Hosted(guarded, clock, pace, {
      told: () => tell({ say: "told", id, told: toldOf(guarded) }),
      reached,
    });
    return opened;
  };

  const stop = async (id: string) => {
    const each = hosted.get(id);
    hosted.delete(id);
    await each?.stop();
    if (each) tell({ say: "stopped", id, told: toldOf(each.guarded) });
  };

  const hear = (message: ToGuard) => {
    watchdog.beat();
    if (message.say === "beat") return;
    if (message.say === "open") return void open(message.id, message);
    const each = hosted.get(message.id);
    if (!each) return;
    if (message.say === "begin") each.guarded.begin(message.atUs);
    else if (message.say === "step") each.step(message);
    else if (message.say === "stalled") each.act((guarded) => guarded.stalled());
    else if (message.say === "request") each.act((guarded) => guarded.request(message.request));
    else void stop(message.id);
  };

  const ended = new Promise<void>((resolve) => {
    channel.listen(hear, async () => {
      watchdog.stop();
      for (const each of hosted.values()) each.act((guarded) => guarded.stalled());
      await Promise.allSettled([...hosted.keys()].map(stop));
      ending.abort();
      resolve();
    });
  });
  return {
    ended,
    request(request) {
      for (const each of hosted.values()) each.act((guarded) => guarded.request(request));
    },
  };
}

/** One actuator: its guard is moved on by the run's batches, and by the wall clock where these stay away. */
class Hosted {
  readonly guarded: GuardedActuator;
  readonly #clock: Clock;
  readonly #pace: WallPace;
  readonly #tell: { told(): void; reached(toUs: number): void };
  /** Packet time that was reached and not told. */
  #untoldUs: number | undefined;
  #toldAtUs = Number.NEGATIVE_INFINITY;
  /** The next look. */
  #lookAtUs = Infinity;
  #callOff = () => {};
  #stopped = false;

  constructor(
    guarded: GuardedActuator,
    clock: Clock,
    pace: WallPace,
    tell: { told(): void; reached(toUs: number): void },
  ) {
    this.guarded = guarded;
    this.#clock = clock;
    this.#tell = tell;
    this.#pace = pace;
  }

  step(batch: Commands): void {
    this.#keepTime();
    this.#pace.heard(batch.fromUs, batch.toUs);
    this.guarded.step(batch);
    // Where nothing waits to be told, the look whether a batch stays away is put off.
    if (this.#untoldUs === undefined) this.#lookAtUs = Infinity;
    this.#lookAfter(this.#pace.dueInUs);
  }

  /** Does what changes its state, and tells the run at once. */
  act(what: (guarded: GuardedActuator) => void): void {
    what(this.guarded);
    this.#tell.told();
  }

  /** To be told now, or at the next look where it has just been told. */
  reached(toUs: number): void {
    this.#untoldUs = toUs;
    const nowUs = this.#clock.nowUs();
    if (nowUs - this.#toldAtUs >= lookUs) this.#tellReached(nowUs);
    else this.#lookAfter(lookUs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff();
    await this.guarded.stop();
  }

  #keepTime(): void {
    const span = this.#pace.due();
    if (!span) return;
    this.guarded.skip?.(span.fromUs);
    this.guarded.step({ ...span, commands: [] });
  }

  /** Looks once more, so many microseconds from now or sooner; a guard that nothing is expected of sleeps. */
  #lookAfter(waitUs: number): void {
    const atUs = this.#clock.nowUs() + Math.max(lookUs, waitUs);
    if (this.#stopped || atUs >= this.#lookAtUs) return;
    this.#callOff();
    this.#lookAtUs = atUs;
    this.#callOff = this.#clock.at(atUs, () => {
      this.#lookAtUs = Infinity;
      this.#look();
    });
  }

  #look(): void {
    this.#keepTime();
    if (this.#untoldUs !== undefined) this.#tellReached(this.#clock.nowUs());
    this.#lookAfter(this.#pace.dueInUs);
  }

  #tellReached(nowUs: number): void {
    const toUs = this.#untoldUs!;
    this.#untoldUs = undefined;
    this.#toldAtUs = nowUs;
    this.#tell.reached(toUs);
  }
}

function toldOf(guarded: GuardedActuator): Told {
  const { state, moving, commandsSent, said } = guarded;
  return {
    state,
    moving,
    commandsSent,
    said,
    counts: guarded.counts(),
    lost: guarded.lost(),
    readings: guarded.readings(),
  };
}

function detailOf(room: string, cause: unknown): ErrorDetail {
  if (cause instanceof ReflexarcError) return cause.detail;
  const what = cause instanceof Error ? cause.message : String(cause);
  return { kind: "device", room, what: `the driver failed: ${what}` };
}
