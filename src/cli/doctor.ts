/** `reflexarc doctor`: looks at what a live run needs (Node, clock, state folder, ports, groups, broker) and says the remedy. */

import { createConnection } from "node:net";
import { userInfo } from "node:os";
import type { Clock } from "../clock.ts";
import { type DevicesWorld, reportDevices, thisMachine } from "./devices.ts";
import { runsFolder } from "./state.ts";

export interface Finding {
  readonly what: string;
  /** `note`: nothing is wrong, but some things won't work. */
  readonly state: "fine" | "note" | "wrong";
  readonly found: string;
  readonly remedy?: string;
}

export interface DoctorWorld extends DevicesWorld {
  readonly nodeVersion: string;
  readonly user: string;
  /** Throws when the folder can't be had. */
  stateFolder(): string;
  /** Loads the package that opens ports; throws when it does not fit this system. */
  loadSerialport(): Promise<unknown>;
  /** Whether somebody listens there. */
  listens(host: string, port: number): Promise<boolean>;
}

const lookUs = 5000;
const looks = 100;
/** Above this, the guard's 200 ms deadline is not far away any more. */
const lateMsMax = 50;
const answerMsMax = 1000;

export const doctorsWorld = (): DoctorWorld => ({
  ...thisMachine(),
  nodeVersion: process.versions.node,
  user: userInfo().username,
  stateFolder: runsFolder,
  loadSerialport: () => import("serialport"),
  listens: (host, port) =>
    new Promise((resolve) => {
      const socket = createConnection({ host, port, timeout: answerMsMax });
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.on("connect", () => end(true));
      socket.on("error", () => end(false));
      socket.on("timeout", () => end(false));
    }),
});

export async function doctor(
  options: { broker: string; json?: boolean },
  world = doctorsWorld(),
): Promise<void> {
  const findings = await examine(options.broker, world);
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else
    for (const { what, state, found, remedy } of findings) {
      const mark = { fine: "ok", note: "--", wrong: "!!" }[state];
      process.stdout.write(`${mark} ${what}: ${found}.${remedy ? ` ${remedy}` : ""}\n`);
    }
  process.exitCode = findings.some(({ state }) => state === "wrong") ? 5 : 0;
}

export async function examine(broker: string, world: DoctorWorld): Promise<Finding[]> {
  return [
    node(world.nodeVersion),
    await clock(world.clock),
    state(world),
    await serialport(world),
    ...(await ports(world)),
    await brokerAt(broker, world),
  ];
}

function node(version: string): Finding {
  if (Number(version.split(".")[0]) >= 20) return { what: "Node.js", state: "fine", found: version };
  return { what: "Node.js", state: "wrong", found: version, remedy: "Install Node.js 20 or newer." };
}

/** How late a timer of 5 ms is at worst over half a second: what the machine itself adds to every deadline. */
async function clock(clock: Clock): Promise<Finding> {
  let worstUs = 0;
  for (let look = 0; look < looks; look++) {
    const dueUs = clock.nowUs() + lookUs;
    await clock.until(dueUs);
    worstUs = Math.max(worstUs, clock.nowUs() - dueUs);
  }
  const lateMs = worstUs / 1000;
  const found = `a timer of 5 ms was at most ${lateMs.toFixed(1)} ms late`;
  if (lateMs <= lateMsMax) return { what: "clock", state: "fine", found };
  return {
    what: "clock",
    state: "note",
    found,
    remedy: "The machine is busy: end other programs, or watchdogs may trip without a reason.",
  };
}

function state(world: DoctorWorld): Finding {
  const what = "state folder";
  try {
    return { what, state: "fine", found: world.stateFolder() };
  } catch (cause) {
    const found = (cause as Error).message;
    return {
      what,
      state: "wrong",
      found,
      remedy: "Set REFLEXARC_STATE to a folder that you may write; without it, arm and stop find no run.",
    };
  }
}

async function serialport(world: DoctorWorld): Promise<Finding> {
  const what = "serial ports";
  try {
    await world.loadSerialport();
    return { what, state: "fine", found: "the package serialport loads" };
  } catch (cause) {
    const found = `the package serialport does not load: ${(cause as Error).message.split("\n")[0]}`;
    return { what, state: "wrong", found, remedy: "Run npm ci in the project's folder, on this machine." };
  }
}

async function ports(world: DoctorWorld): Promise<Finding[]> {
  const reports = await reportDevices({}, world);
  if (reports.length === 0)
    return [{ what: "ports", state: "note", found: "no serial port was found", remedy: "Plug a board in." }];
  return reports.map(({ path, about, allowed, holders }): Finding => {
    const [holder] = holders;
    if (!allowed)
      return {
        what: path,
        state: "wrong",
        found: `${world.user} may not open it`,
        remedy: `sudo usermod -aG dialout ${world.user}, then log in again (on Arch the group is uucp).`,
      };
    if (holder)
      return {
        what: path,
        state: "note",
        found: `held by ${holder.name || "a program"}, process ${holder.pid}`,
        remedy: /modem|brltty/i.test(holder.name)
          ? `It takes boards for something else: sudo systemctl disable --now ${holder.name}.`
          : "Close it before a live run.",
      };
    return { what: path, state: "fine", found: about || "it may be opened" };
  });
}

async function brokerAt(place: string, world: DoctorWorld): Promise<Finding> {
  const url = new URL(place.includes("://") ? place : `mqtt://${place}`);
  const port = Number(url.port || (url.protocol === "mqtts:" ? 8883 : 1883));
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const what = `broker ${host}:${port}`;
  if (await world.listens(host, port)) return { what, state: "fine", found: "somebody listens there" };
  return {
    what,
    state: "note",
    found: "nobody listens there",
    remedy:
      "An mqtt actuator brings a broker of its own; for another one, start it or name it with --broker.",
  };
}
