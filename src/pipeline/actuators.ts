/** The actuators of a run: opened here or in the guard process, looked after, and stopped before anything else is. */

import { seedFor } from "../random.ts";
import type { OperatorRequest } from "../safety/command.ts";
import type { Actuator, ActuatorDefinition, DriverContext } from "../stage.ts";
import type { ActuatorNode, Plan } from "./document.ts";
import { dozeUs, isGated } from "./doze.ts";
import type { RunEnvironment } from "./environment.ts";
import type { GuardProcess } from "./guard-link.ts";
import { type GuardedActuator, guardActuator } from "./guarded.ts";
import type { ActuatorStatus } from "./operator.ts";
import type { Trace } from "./trace.ts";

/** The run that they belong to, as they see it. */
export interface ActuatorsOwner {
  readonly plan: Plan;
  readonly environment: RunEnvironment;
  readonly trace: Trace | undefined;
  /** Recorded time for each second of the wall; known when the sensors are open. */
  readonly speed: () => number | "max";
  readonly context: (id: string) => DriverContext;
  /** Somebody asked for something over a device's own channel. */
  readonly ask: (request: OperatorRequest, id: string) => void;
  readonly deviceLost: (id: string, why: string) => void;
  readonly guardLost: (why: string) => void;
}

export class Actuators {
  readonly byId = new Map<string, GuardedActuator>();
  readonly #owner: ActuatorsOwner;
  /** Those that a simulation has no part in. */
  readonly #devices: readonly ActuatorNode[];
  /** Those whose device is gone at present. */
  readonly #gone = new Set<string>();
  #guard: GuardProcess | undefined;

  constructor(owner: ActuatorsOwner) {
    this.#owner = owner;
    const { plan, environment } = owner;
    const actuators = environment.live ? plan.nodes.filter((node) => node.kind === "actuator") : [];
    this.#devices = actuators.filter(({ definition }) => !definition.selfArming);
  }

  /** Opens all. Throws what keeps one from opening; those before it are open then. */
  async open(): Promise<void> {
    for (const node of this.#owner.plan.nodes)
      if (node.kind === "actuator") this.byId.set(node.id, await this.#open(node));
  }

  /**
   * Longest packet while the run dozes, microseconds of packet time; there is no use in it where nothing is waited for. A
   * device that is armed hears of its guard as often as it wants to, and of each step of a motion when it is due.
   */
  get dozeUsMax(): number {
    const speed = this.#owner.speed();
    if (speed === "max") return 0;
    let longestUs = dozeUs;
    for (const { id, guard } of this.#devices) {
      const actuator = this.byId.get(id);
      if (actuator?.moving) return 0;
      if (actuator?.state === "armed") longestUs = Math.min(longestUs, 1000 * guard.keepAliveMs);
    }
    return longestUs * Math.min(1, speed);
  }

  #open(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, startGuard } = this.#owner.environment;
    if (!live || !startGuard || !node.definition.ownProcess) return this.#openHere(node);
    const reader = this.#owner.plan.nodes.find(
      ({ kind, options }) =>
        kind === "sensor" && options.port !== undefined && options.port === node.options.port,
    );
    if (!reader) return this.#openFar(node, startGuard);
    this.#owner.environment.notice(
      `${node.id}: "${reader.id}" reads the same port, so no process of its own can guard it: when this one is killed, only the device's own timeout ends the motion`,
    );
    return this.#openHere(node);
  }

  async #openHere(node: ActuatorNode): Promise<GuardedActuator> {
    const { live, standIn, clock, speed, rehearsal } = this.#owner.environment;
    const real = live || node.definition.selfArming;
    const definition = real ? node.definition : standIn;
    let guarded: GuardedActuator | undefined;
    const actuator: Actuator = await definition.open(real ? node.options : standInOptions(standIn, node), {
      ...this.#owner.context(node.id),
      operator: (request) => this.#owner.ask(request, node.id),
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
      tap: this.#owner.trace?.tapRecords(node.index, node.id),
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
    const { speed } = this.#owner.environment;
    this.#guard ??= startGuard({ lost: (why) => this.#owner.guardLost(why) });
    return this.#guard.open(
      id,
      {
        use: definition.name,
        options,
        guard,
        pipeline: this.#owner.plan.pipeline,
        seed: seedFor(this.#owner.plan.seed, id),
        speed: speed === "max" ? 1 : Math.min(1, speed),
        ...(isGated(this.#owner.plan) && { dozeUs: this.dozeUsMax }),
        traced: this.#owner.trace !== undefined,
      },
      {
        tap: this.#owner.trace?.tapRecords(index, id),
        connection: (state, why) => this.#connection(id, state, why),
      },
    );
  }

  #connection(id: string, state: "connected" | "lost", why: string): void {
    if (state === "lost") this.#gone.add(id);
    else this.#gone.delete(id);
    this.#owner.environment.notice(`${id}: ${state}, ${why}`);
    if (state === "lost") this.#owner.deviceLost(id, why);
  }

  /** What an operator sees of each. */
  status(): ActuatorStatus[] {
    return this.#owner.plan.nodes.flatMap(({ id, definition }) => {
      const actuator = this.byId.get(id);
      if (!actuator) return [];
      const { state, said, commandsSent: commands } = actuator;
      const device = this.#gone.has(id) ? "lost" : "connected";
      const [readings, counts] = [actuator.readings(), actuator.counts()];
      return [{ id, use: definition.name, state, device, said, readings, commands, counts }];
    });
  }

  readings(): Record<string, Readonly<Record<string, number>>> {
    return Object.fromEntries([...this.byId].map(([id, actuator]) => [id, actuator.readings()]));
  }

  /** The process that holds real ports is not needed any more. */
  close(): void {
    this.#guard?.close();
  }
}

/** A simulation gets of the real actuator's options what it knows: its pulses and its angles. */
function standInOptions(standIn: ActuatorDefinition, { options }: ActuatorNode): Record<string, unknown> {
  const known = Object.entries(options).filter(([name]) => name in standIn.options.shape);
  return standIn.options.parse(Object.fromEntries(known)) as Record<string, unknown>;
}
