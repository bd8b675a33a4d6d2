/** A serial port that several actuators share, that never queues, and that is opened again after a loss. */

import { writeSync } from "node:fs";
import type { Clock } from "../../src/clock.ts";
import { ReflexarcError } from "../../src/errors.ts";
import { seededRandom, seedFor } from "../../src/random.ts";
import type { Said } from "../../src/safety/command.ts";
import { type Latest, latestValue } from "../wire/latest.ts";
import { Departure } from "./departure.ts";
import { foundPorts, holdersOf, PortIdError, portPath } from "./ports.ts";

/** What is used of a port of the package serialport. */
export interface PortLike {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
  /** Calls back when the bytes have left the machine. */
  drain(done: (error?: Error | null) => void): void;
  /** `drain` calls back when the line is free, not only when the bytes have left: no frame goes before that. */
  readonly oneAtATime?: boolean;
  close(done: (error?: Error | null) => void): void;
  on(event: "close" | "error", listener: (error?: Error | null) => void): unknown;
  /** Reads and drops what comes in: a loss is seen by reading. */
  resume(): unknown;
  /** Throws away what was written and has not left. */
  flush?(done: (error?: Error | null) => void): void;
  /** Longest that a frame may take to leave before the port counts as lost, microseconds; without it, for ever. */
  readonly patienceUs?: number;
}

export type OpenPort = (path: string, baudRate: number) => Promise<PortLike>;

/** Opens a port (see `portPath`) with the package serialport, which is loaded only now. Rejects with the package's own error. */
export const openSerialPort: OpenPort = async (given, baudRate) => {
  const path = portPath(given);
  const { SerialPort } = await import("serialport");
  return new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate, autoOpen: false });
    port.open((error) => {
      if (error) return reject(error);
      resolve({
        patienceUs,
        write: (bytes, done) => writeAtOnce(port, bytes, done),
        drain: (done) => port.drain(done),
        close: (done) => port.close(done),
        on: (event, listener) => port.on(event, listener),
        resume: () => port.resume(),
        flush: (done) => port.flush(done),
      });
    });
  });
};

/**
 * Where the system lets it (a file descriptor that never blocks, as on Linux and macOS), the bytes go to the kernel in
 * this very call: the package's own way takes a detour over a thread, and costs as much as all the rest of the guard.
 * What the kernel does not take at once goes that way after all, and so does every error.
 */
function writeAtOnce(
  port: { port?: unknown; writableLength: number; write(bytes: Uint8Array, done: Done): unknown },
  bytes: Uint8Array,
  done: Done,
): void {
  const fd = (port.port as { fd?: unknown } | undefined)?.fd;
  let taken = 0;
  if (typeof fd === "number" && port.writableLength === 0) {
    try {
      taken = writeSync(fd, bytes);
    } catch {
      taken = 0;
    }
  }
  if (taken === bytes.length) done();
  else port.write(bytes.subarray(taken), done);
}

type Done = (error?: Error | null) => void;

/** A frame of 20 bytes takes 2 ms at 115,200 baud; a device that takes none for so long would get them all late. */
const patienceUs = 250_000;

export interface PortSetup {
  readonly path: string;
  readonly baudRate: number;
  /** The actuator that speaks: its place in the queue, and the name in errors. */
  readonly id: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly connection: (state: "connected" | "lost", why: string) => void;
  /** A move waited too long for the port and was dropped; see `ActuatorContext`. A sensor says none. */
  readonly missed?: ((at: number | undefined) => void) | undefined;
}

/** One actuator's share of a port. */
export interface PortShare {
  /** Nobody else was on this port when it was joined. */
  readonly first: boolean;
  /** Sends the frame, or keeps it in place of this actuator's last one while the port is busy; drops it while lost. */
  write(frame: Uint8Array, said: Said): void;
  /** Lets the last bytes out (500 ms at most) and closes the port when nobody else uses it. */
  leave(): Promise<void>;
  counts(): Readonly<Record<string, number>>;
}

interface SharedPort {
  readonly baudRate: number;
  readonly users: Set<PortSetup>;
  readonly latest: Latest;
  readonly opened: Promise<void>;
  /** Undefined while the device is gone. */
  open: { readonly port: PortLike; readonly departure: Departure } | undefined;
  droppedWhileLost: number;
}

const firstPauseUs = 100_000;
const pauseUsMax = 5_000_000;
const flushUsMax = 500_000;

/** The ports that this process has open: two servos of one controller are two actuators on one port. */
const sharedPorts = new Map<string, SharedPort>();

/** Opens a port, or joins those who have it open. Throws a device error with a remedy when it can't be opened. */
export async function joinPort(setup: PortSetup, open: OpenPort): Promise<PortShare> {
  const { path, baudRate, id, clock } = setup;
  const shared = sharedPorts.get(path) ?? share(setup, open);
  if (shared.baudRate !== baudRate)
    throw new ReflexarcError({
      kind: "usage",
      room: id,
      what: `the port is already used at ${shared.baudRate} baud`,
      where: path,
      remedy: "Give all actuators on a port the same baudRate.",
    });
  const first = shared.users.size === 0;
  shared.users.add(setup);
  try {
    await shared.opened;
  } catch (cause) {
    shared.users.delete(setup);
    if (sharedPorts.get(path) === shared) sharedPorts.delete(path);
    throw openingError(setup, cause as Error);
  }

  let left = false;
  return {
    first,
    write(frame, said) {
      if (left) return;
      if (shared.open) shared.latest.offer(id, frame, said);
      else shared.droppedWhileLost += 1;
    },
    async leave() {
      if (left) return;
      left = true;
      const gone = shared.latest.idle().then(() => shared.open?.departure.empty());
      await Promise.race([gone, clock.until(clock.nowUs() + flushUsMax)]);
      shared.users.delete(setup);
      if (shared.users.size > 0) return;
      sharedPorts.delete(path);
      const { open } = shared;
      shared.open = undefined;
      if (!open) return;
      open.departure.end();
      const closed = new Promise<void>((resolve) => open.port.close(() => resolve()));
      await Promise.race([closed, clock.until(clock.nowUs() + flushUsMax)]);
    },
    counts: () => ({
      ...shared.latest.counts(),
      ...(shared.droppedWhileLost > 0 && { "dropped while disconnected": shared.droppedWhileLost }),
    }),
  };
}

function share({ path, baudRate, clock, signal }: PortSetup, open: OpenPort): SharedPort {
  const users = new Set<PortSetup>();

  const missed = (sender: string, at: number | undefined) => {
    for (const user of users) if (user.id === sender) user.missed?.(at);
  };

  const lose = (port: PortLike, why: string) => {
    if (shared.open?.port !== port) return;
    const { departure } = shared.open;
    shared.open = undefined;
    departure.end();
    shared.latest.clear(departure.frames);
    for (const user of users) user.connection("lost", why);
    port.flush?.(() => {});
    port.close(() => {});
    void reopen();
  };

  const attach = (port: PortLike) => {
    for (const event of ["close", "error"] as const)
      port.on(event, (error) => lose(port, error?.message ?? "the port was closed"));
    port.resume();
    const departure = new Departure(port, { baudRate, clock, signal, lose: (why) => lose(port, why) });
    shared.open = { port, departure };
  };

  const random = seededRandom(seedFor(1, path));
  const reopen = async () => {
    for (let pauseUs = firstPauseUs; ; pauseUs = Math.min(pauseUs * 2, pauseUsMax)) {
      // Up to a quarter sooner: ports of a hub that was pulled don't all come at once.
      await clock.until(clock.nowUs() + Math.round(pauseUs * (1 - random() / 4)), signal);
      if (users.size === 0 || signal.aborted) return;
      const port = await open(path, baudRate).catch(() => undefined);
      if (!port) continue;
      if (users.size === 0) return port.close(() => {});
      attach(port);
      for (const user of users) user.connection("connected", "the port is back");
      return;
    }
  };

  const shared: SharedPort = {
    baudRate,
    users,
    latest: latestValue((frame, next) => shared.open?.departure.send(frame, next), clock, missed),
    opened: open(path, baudRate).then(attach),
    open: undefined,
    droppedWhileLost: 0,
  };
  sharedPorts.set(path, shared);
  return shared;
}

function openingError({ path, id }: PortSetup, cause: Error): ReflexarcError {
  const error = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "device", room: id, what, where: path, remedy }, { cause });
  const { message } = cause;
  if (cause instanceof PortIdError)
    return error(
      message,
      cause.candidates.length > 0
        ? `There are: ${cause.candidates.map(({ path, ids }) => `${path} (${ids.join(", ") || "no id"})`).join("; ")}.`
        : "No serial port was found: plug it in.",
    );
  if (/no such file|file not found|ENOENT/i.test(message)) {
    const ports = foundPorts().map((port) => port.path);
    const others =
      ports.length > 0 ? `These are: ${ports.join(", ")}` : "No serial port was found: plug it in";
    return error("there is no such port", `${others}.`);
  }
  if (/permission denied|access denied|EACCES/i.test(message))
    return error("permission denied", 'Add your user to the group "dialout" and log in again.');
  if (/lock|busy|temporarily unavailable|EBUSY/i.test(message)) {
    const holders = holdersOf(path).map(({ pid, name }) => `${name || "a program"}, process ${pid}`);
    const who = holders.join("; ") || "a serial monitor, another run";
    return error("the port is in use", `Close the program that uses it (${who}).`);
  }
  return error(
    `the port can't be opened: ${message.replace(/^Error:? */, "")}`,
    "Check the port and its baudRate.",
  );
}
