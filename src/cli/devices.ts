/** `reflexarc devices`: what is plugged in, by which id it is opened, who holds it, and, when asked, what it answers. */

import { accessSync, constants } from "node:fs";
import { type OpenTalkingPort, talkingPort } from "../../drivers/serial/link.ts";
import { type FoundPort, foundPorts, type Holder, holdersOf } from "../../drivers/serial/ports.ts";
import { type ProbeName, probePort, probes } from "../../drivers/serial/probes.ts";
import { type Clock, wallClock } from "../clock.ts";
import { nearestName, ReflexarcError } from "../errors.ts";

export interface DevicesOptions {
  probe?: string[];
  port?: string;
  baud?: string;
  json?: boolean;
}

/** What is known of a port. */
export interface DeviceReport extends FoundPort {
  readonly holders: readonly Holder[];
  /** May this user open it. */
  readonly allowed: boolean;
  /** What answered, by the protocol that was asked; null for nothing, a text that begins with `!` for an error. */
  readonly answers: Readonly<Record<string, string | null>>;
}

export interface DevicesWorld {
  readonly clock: Clock;
  ports(): readonly FoundPort[];
  holders(path: string): readonly Holder[];
  allowed(path: string): boolean;
  readonly open: OpenTalkingPort;
}

export const thisMachine = (): DevicesWorld => ({
  clock: wallClock(),
  ports: () => foundPorts(),
  holders: (path) => holdersOf(path),
  allowed(path) {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  open: talkingPort(),
});

export async function devices(options: DevicesOptions, world = thisMachine()): Promise<void> {
  const reports = await reportDevices(options, world);
  if (options.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
  else process.stdout.write(`${linesOf(reports).join("\n")}\n`);
}

/** Asks nothing of a port that somebody holds, and nothing at all unless `probe` names protocols. Throws for an unknown one. */
export async function reportDevices(
  { probe = [], port, baud }: DevicesOptions,
  world: DevicesWorld,
): Promise<DeviceReport[]> {
  const names = probe.flatMap((name) =>
    name === "all" ? (Object.keys(probes) as ProbeName[]) : [knownProbe(name)],
  );
  const baudRate = baud === undefined ? undefined : baudOf(baud);
  const found = world.ports();
  // A port that is named need not be one that was found: a pseudo-terminal, a port on another system.
  const wanted =
    port === undefined
      ? found
      : [found.find(({ path }) => path === port) ?? { path: port, ids: [], about: "" }];
  const reports: DeviceReport[] = [];
  for (const each of wanted) {
    const holders = world.holders(each.path);
    const allowed = world.allowed(each.path);
    const answers: Record<string, string | null> = {};
    // One after another: they speak on the same wire.
    if (allowed && holders.length === 0)
      for (const name of names) {
        const place = { path: each.path, name, ...(baudRate !== undefined && { baudRate }) };
        answers[name] = await probePort(place, world.clock, world.open).then(
          (answer) => answer ?? null,
          (cause: Error) => `! ${cause.message}`,
        );
      }
    reports.push({ ...each, holders, allowed, answers });
  }
  return reports;
}

export function linesOf(reports: readonly DeviceReport[]): string[] {
  if (reports.length === 0) return ["No serial port was found: plug something in."];
  return reports.flatMap(({ path, ids, about, holders, allowed, answers }) => [
    `${path}${about ? `  ${about}` : ""}`,
    ...ids.map((id) => `  port: "id:${id}"`),
    ...holders.map(({ pid, name }) => `  held by ${name || "a program"}, process ${pid}`),
    ...(allowed ? [] : ['  not allowed: add your user to the group "dialout" and log in again']),
    ...Object.entries(answers).map(([name, answer]) => `  ${name}: ${answer ?? "no answer"}`),
  ]);
}

function knownProbe(name: string): ProbeName {
  if (Object.hasOwn(probes, name)) return name as ProbeName;
  const names = Object.keys(probes);
  const near = nearestName(name, names);
  throw new ReflexarcError({
    kind: "usage",
    room: "devices",
    what: `there is no probe "${name}"`,
    remedy: `${near ? `Did you mean "${near}"? ` : ""}There are: all, ${names.join(", ")}.`,
  });
}

function baudOf(text: string): number {
  const baud = Number(text);
  if (Number.isInteger(baud) && baud >= 300 && baud <= 12_000_000) return baud;
  throw new ReflexarcError({
    kind: "usage",
    room: "devices",
    what: `--baud ${text} is no speed of a line`,
    remedy: "Give a whole number from 300 to 12000000.",
  });
}
