/** `reflexarc arm`: arms a live run that is disarmed, all of it or one actuator. */

import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { ActuatorStatus } from "../pipeline/operator.ts";
import { ask, findTargets, type Reply, type Target } from "./control-client.ts";

export interface ArmOptions {
  run?: string;
  control?: string;
  reset?: boolean;
  json?: boolean;
}

/** A guard in a process of its own says a moment later that it is armed. */
const looksMax = 40;
const lookUs = 25_000;

export async function arm(actuator: string | undefined, options: ArmOptions): Promise<void> {
  const targets = await findTargets(options);
  const [target] = targets;
  if (targets.length > 1)
    throw new ReflexarcError({
      kind: "usage",
      room: "arm",
      what: `there are ${targets.length} live runs: ${targets.map(({ name }) => name).join(", ")}`,
      remedy: "Say which one: --run and its process id.",
    });
  if (options.reset) refuse(target!, await ask(target!, "/reset", {}));
  const reply = await ask(target!, "/arm", actuator === undefined ? {} : { actuator });
  refuse(target!, reply);
  const armed = await untilArmed(target!, reply, actuator);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ run: target!.name, actuators: armed }, null, 2)}\n`);
  else for (const each of armed) process.stdout.write(`${each.id} (${each.use}) is ${stateOf(each)}.\n`);
  const dead = armed.find(({ state }) => state !== "armed");
  if (dead)
    throw new ReflexarcError({
      kind: "device",
      room: dead.id,
      what: `it does not arm: ${stateOf(dead)}`,
      where: target!.name,
      remedy:
        dead.device === "lost"
          ? "Connect it again, then arm."
          : "A guard without commands for its watchdogMs disarms: does its document say anything?",
    });
}

function refuse({ name }: Target, { error }: Reply): void {
  if (error === undefined) return;
  const remedy = /reset/.test(error) ? "`reflexarc arm --reset` resets and arms." : "See GET /status.";
  throw new ReflexarcError({ kind: "usage", room: "arm", what: `refused: ${error}`, where: name, remedy });
}

async function untilArmed(
  target: Target,
  first: Reply,
  actuator: string | undefined,
): Promise<readonly ActuatorStatus[]> {
  const clock = wallClock();
  let { run } = first;
  for (let look = 0; ; look++) {
    const wanted = run?.actuators.filter(({ id }) => actuator === undefined || id === actuator) ?? [];
    if (look === looksMax || wanted.every(({ state }) => state === "armed")) return wanted;
    await clock.until(clock.nowUs() + lookUs);
    ({ run } = await ask(target, "/status"));
  }
}

const stateOf = ({ state, device }: ActuatorStatus) =>
  device === "lost" ? `${state}, its device is lost` : state;
