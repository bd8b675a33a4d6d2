/** `reflexarc jog`: moves one actuator of a document with the keys, through its guard and as its document limits it. */

import { z } from "zod";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { forEachGridPoint } from "../events/time.ts";
import type { ActuatorNode, Plan } from "../pipeline/document.ts";
import type { RunEnvironment } from "../pipeline/environment.ts";
import type { ActuatorStatus } from "../pipeline/operator.ts";
import { runPipeline } from "../pipeline/run.ts";
import type { RunSummary } from "../pipeline/summary.ts";
import type { Command } from "../safety/command.ts";
import { type Limits, limitsOf } from "../safety/limits.ts";
import { anyOptions, defineSensor, defineStage } from "../stage.ts";
import { keysHelp, openDesk } from "./operating.ts";
import { finish } from "./run.ts";
import { overLine, ownTerminal, type Terminal } from "./terminal.ts";
import { endingSignals, environmentOf, type OpenDocument, openDocument } from "./world.ts";

export interface JogOptions {
  live?: boolean;
  step?: string;
  set: string[];
}

export async function jog(path: string, actuator: string | undefined, options: JogOptions): Promise<void> {
  const terminal = ownTerminal();
  if (!terminal) throw noTerminal("jog");
  const document = openDocument(path, options.set);
  const node = actuatorOf(document.plan, actuator, "jog");
  const jogged = { document, node, step: stepOf(options.step, node), live: options.live ?? false, terminal };
  terminal.write(`${jogHelp(jogged.step, limitsOf(node.guard.limits, node.id))}\n${keysHelp}\n`);
  finish(await jogWith(jogged, {}), false);
}

export interface Jogged {
  readonly document: OpenDocument;
  readonly node: ActuatorNode;
  /** What one press of an arrow changes, in the unit of the limits. */
  readonly step: number;
  readonly live: boolean;
  readonly terminal: Terminal;
  /** What takes the place of this machine's, in tests. */
  readonly environment?: Partial<RunEnvironment>;
}

export interface JogKeys {
  /** Keys besides those that move; `status` is of this moment, `end` ends it. */
  readonly heard?: (key: string, status: ActuatorStatus | undefined, end: () => void) => void;
  /** Shown at the end of the line. */
  readonly shown?: () => string;
}

/** How many steps a key moves; home is told apart. */
const moves: Readonly<Record<string, number>> = {
  left: -1,
  right: 1,
  "shift+left": -10,
  "shift+right": 10,
  pagedown: -10,
  pageup: 10,
};
const homeKey = "h";

const tickUs = 10_000;
const ttlUs = 100_000;
/** A speed or a duty ends so long after its last key: a held key repeats sooner. */
const heldUs = 700_000;

/**
 * Runs the actuator behind a sensor of keys and a stage that adds them up, as any other document: what guards a run guards
 * this. Keys move nothing while it is disarmed, and arming begins at home.
 */
export async function jogWith(
  { document, node, step, live, terminal, environment }: Jogged,
  { heard, shown = () => "" }: JogKeys,
): Promise<RunSummary> {
  const ending = endingSignals();
  const limits = limitsOf(node.guard.limits, node.id);
  const pressed: number[] = [];
  let status: ActuatorStatus | undefined;
  const draw = () =>
    terminal.write(overLine(lineOf(node.id, limits, status, shown()).slice(0, terminal.columns() - 1)));
  const onKey = (key: string) => {
    const move = key === homeKey ? 0 : moves[key];
    if (move === undefined) heard?.(key, status, () => ending.abort());
    else if (status?.state === "armed") pressed.push(move);
    draw();
  };
  const notice = (text: string) => terminal.write(`${overLine(text)}\n`);
  const operating = await openDesk(
    { findable: live, terminal },
    { clock: wallClock(), notice, end: () => ending.abort(), heard: onKey },
  );
  try {
    return await runPipeline(jogPlan(document.plan, node, { limits, step, pressed }), {
      ...environmentOf(document, { speed: 1, live, rehearsal: !live, signal: ending.signal, notice }),
      ...environment,
      desk: operating.desk,
      onProgress(progress) {
        const was = status?.state;
        [status] = progress.status().actuators;
        // What was pressed before it was armed is over.
        if (was !== "armed" && status?.state === "armed") pressed.splice(0, pressed.length, 0);
        draw();
      },
    });
  } finally {
    terminal.write(overLine(""));
    await operating.close();
  }
}

interface JogChoice {
  readonly limits: Limits;
  readonly step: number;
  /** Steps that keys asked for and no packet has taken yet; 0 is home. */
  readonly pressed: number[];
}

/** The smallest document that moves it: keys, their sum, the actuator as it stands in its own document. */
export function jogPlan(plan: Plan, node: ActuatorNode, { limits, step, pressed }: JogChoice): Plan {
  // A spike's neuron is the number of steps, from -10 on; the one in the middle is home.
  const reach = 10;
  const keys = defineSensor({
    name: "keys",
    about: "Presses of keys.",
    gives: "spikes",
    live: true,
    options: z.strictObject({}),
    async open(_options, { clock, signal }) {
      const geometry = neurons(1, 1, 2 * reach + 1);
      async function* packets() {
        const packet = new Packet(geometry, 64);
        for (let fromUs = clock.nowUs(); !signal.aborted; fromUs = packet.toUs) {
          await clock.until(fromUs + tickUs, signal);
          packet.begin(fromUs, Math.max(fromUs + 1, clock.nowUs()));
          for (const steps of pressed.splice(0)) packet.push(packet.toUs - 1, steps + reach);
          yield packet;
        }
      }
      return { geometry, packets: packets() };
    },
  });
  const { everyUs } = node.guard;
  const isPosition = limits.unit === "deg" || limits.unit === "pulseUs";
  const sum = defineStage({
    name: "sum",
    about: "Adds up the steps of keys.",
    takes: "spikes",
    gives: "commands",
    options: z.strictObject({}),
    create() {
      let value = limits.home;
      let pressedUs = Number.NEGATIVE_INFINITY;
      let sequence = 0;
      /** Presses that no grid point has come after. */
      const waiting: { timeUs: number; steps: number }[] = [];
      return ({ fromUs, toUs, count, times, addresses }) => {
        const commands: Command[] = [];
        for (let i = 0; i < count; i++) waiting.push({ timeUs: times[i]!, steps: addresses[i]! - reach });
        forEachGridPoint(fromUs, toUs, everyUs, (atUs) => {
          while (waiting.length > 0 && waiting[0]!.timeUs < atUs) {
            const { timeUs, steps } = waiting.shift()!;
            const wished = steps === 0 ? limits.home : value + steps * step;
            value = Math.min(Math.max(wished, limits.min), limits.max);
            pressedUs = timeUs;
          }
          if (!isPosition && limits.unit !== "switch" && atUs - pressedUs > heldUs) value = limits.home;
          commands.push({ atUs, name: "jog", value, unit: limits.unit, ttlUs, sequence: sequence++ });
        });
        return { fromUs, toUs, commands };
      };
    },
  });
  const place = (id: string, index: number, from: readonly string[]) => ({
    id,
    index,
    from,
    where: node.where,
  });
  return {
    ...plan,
    nodes: [
      { ...place("keys", 0, []), kind: "sensor", definition: anyOptions(keys), options: {} },
      { ...place("jog", 1, ["keys"]), kind: "stage", definition: anyOptions(sum), options: {} },
      { ...node, index: 2, from: ["jog"] },
    ],
  };
}

/** The actuator with an id, or the only one. Throws a usage error that names those there are. */
export function actuatorOf({ nodes, name }: Plan, id: string | undefined, room: string): ActuatorNode {
  const all = nodes.filter((node) => node.kind === "actuator");
  const found = id === undefined && all.length === 1 ? all[0] : all.find((node) => node.id === id);
  if (found) return found;
  const ids = all.map((node) => node.id).join(", ");
  throw new ReflexarcError({
    kind: "usage",
    room,
    what: id === undefined ? `the document has ${all.length} actuators` : `there is no actuator "${id}"`,
    where: name,
    remedy: all.length > 0 ? `Name one: ${ids}.` : "Name a document that has an actuator.",
  });
}

export function stepOf(text: string | undefined, { guard, id }: ActuatorNode): number {
  const { unit, min, max } = limitsOf(guard.limits, id);
  if (text === undefined)
    return { deg: 1, pulseUs: 10, degPerS: (max - min) / 20, duty: 0.05, switch: 1 }[unit];
  const step = Number(text);
  if (step > 0 && step <= max - min) return step;
  throw new ReflexarcError({
    kind: "usage",
    room: id,
    what: `--step ${text} is no step between ${min} and ${max} ${unit}`,
    remedy: "Give a number above 0.",
  });
}

export const noTerminal = (verb: string) =>
  new ReflexarcError({
    kind: "usage",
    room: verb,
    what: "there is no terminal whose keys could be heard",
    remedy: "Start it in a terminal, without a pipe.",
  });

export const jogHelp = (step: number, { unit, min, max, home }: Limits) =>
  `left and right: ${step} ${unit}, with shift: ${10 * step}; h: home, ${home}; the limits are ${min} to ${max}`;

function lineOf(id: string, { unit }: Limits, status: ActuatorStatus | undefined, shown: string): string {
  if (!status) return `${id}: opening`;
  const { state, device, said, readings } = status;
  const told = said === undefined ? "let go" : `at ${said.toFixed(unit === "pulseUs" ? 0 : 1)} ${unit}`;
  const felt = readings.angleDeg === undefined ? "" : `, reads ${readings.angleDeg.toFixed(1)} deg`;
  return `${id} ${state}${device === "lost" ? " (lost)" : ""}, ${told}${felt}  ${shown}`;
}
