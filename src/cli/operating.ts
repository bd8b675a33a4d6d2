/** Every way by which an operator reaches a run: keys, a signal, HTTP, a socket of this user's, a stop file. All end at one desk. */

import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { OperatorDesk } from "../pipeline/operator.ts";
import type { OperatorRequest } from "../safety/command.ts";
import { type Control, controlPlace, listenOnPort, listenOnSocket } from "./control.ts";
import { socketOf } from "./state.ts";
import { watchStopFile } from "./stop-file.ts";
import type { Terminal } from "./terminal.ts";

export interface Ways {
  /** `[host:]port` of the HTTP endpoint. */
  readonly control?: string | undefined;
  readonly stopFile?: string | undefined;
  /** Whether the verbs `arm` and `stop` find this run. */
  readonly findable: boolean;
  readonly terminal?: Terminal | undefined;
}

export interface Operating {
  readonly desk: OperatorDesk;
  /** Takes all ways away again. */
  close(): Promise<void>;
}

/** What a key asks for. */
const keys: Readonly<Record<string, OperatorRequest>> = {
  a: "arm",
  d: "disarm",
  space: "emergency-stop",
  r: "reset-emergency-stop",
};
export const keysHelp = "a arms, d disarms, space stops, r resets, q quits";

/** Throws a usage error for a control place or a stop file that can't be had; nothing has been opened then. */
export async function openDesk(
  { control, stopFile, findable, terminal }: Ways,
  { clock, notice, end, heard }: Around,
): Promise<Operating> {
  const desk = new OperatorDesk();
  const ends: (() => unknown)[] = [];
  const close = async () => {
    for (const each of ends.splice(0).reverse()) await each();
  };
  try {
    if (process.platform !== "win32") ends.push(onStopSignal(desk, notice));
    if (stopFile !== undefined) ends.push(watchStopFile(stopFile, desk, clock));
    if (control !== undefined) ends.push(await openControl(control, desk, notice));
    if (findable && process.platform !== "win32") ends.push(await openSocket(desk, notice));
    if (terminal) ends.push(terminal.keys((key) => onKey(key, desk, { notice, end, heard })));
  } catch (cause) {
    await close();
    throw cause;
  }
  return { desk, close };
}

export interface Around {
  readonly clock: Clock;
  readonly notice: (text: string) => void;
  /** The operator wants it to end. */
  readonly end: () => void;
  /** Keys that are not the desk's. */
  readonly heard?: ((key: string) => void) | undefined;
}

function onKey(key: string, desk: OperatorDesk, { notice, end, heard }: Omit<Around, "clock">): void {
  if (key === "q" || key === "ctrl+c") {
    end();
    return;
  }
  const request = keys[key];
  if (!request) {
    heard?.(key);
    return;
  }
  const answer = desk.ask(request);
  if (!answer.done) notice(`${request} is refused: ${answer.why}`);
  else if (request === "emergency-stop")
    notice("emergency stop: every actuator is stopped until r resets it");
}

/** SIGUSR2 stops: a service manager, a script or `kill -USR2` can say it without anything listening. */
function onStopSignal(desk: OperatorDesk, notice: (text: string) => void): () => void {
  const stop = () => {
    desk.ask("emergency-stop");
    notice("emergency stop by SIGUSR2: every actuator is stopped until it is reset");
  };
  process.on("SIGUSR2", stop);
  return () => process.off("SIGUSR2", stop);
}

async function openControl(
  place: string,
  desk: OperatorDesk,
  notice: (text: string) => void,
): Promise<() => Promise<void>> {
  const given = process.env.REFLEXARC_TOKEN;
  const token = given || randomBytes(16).toString("hex");
  const control = await listenOnPort(controlPlace(place), token, desk);
  notice(`control: ${control.where}, token ${given ? "from REFLEXARC_TOKEN" : token}`);
  return control.close;
}

/** A run goes on without its socket: it can still be stopped by signal, key and file. */
async function openSocket(desk: OperatorDesk, notice: (text: string) => void): Promise<() => Promise<void>> {
  let control: Control;
  try {
    control = await listenOnSocket(socketOf(process.pid), desk);
  } catch (cause) {
    notice(`the verbs arm and stop won't find this run: ${(cause as Error).message}`);
    return async () => {};
  }
  return async () => {
    await control.close();
    rmSync(control.where, { force: true });
  };
}
