/** Talks to the control endpoint of a run: finds the runs of this machine by their sockets, or is told a URL. */

import { rmSync } from "node:fs";
import { type RequestOptions, request } from "node:http";
import { ReflexarcError } from "../errors.ts";
import type { RunStatus } from "../pipeline/operator.ts";
import { runSockets } from "./state.ts";

/** A run that can be talked to. */
export interface Target {
  /** How it is called in messages. */
  readonly name: string;
  readonly place: Pick<RequestOptions, "socketPath" | "hostname" | "port" | "headers">;
}

export interface Told {
  readonly stopped: boolean;
  readonly run: RunStatus | null;
}

/** What a run answers; `error` when it refuses. */
export type Reply = Told & { readonly error?: string };

const answerMsMax = 2000;

/** The run at a URL (its token is `REFLEXARC_TOKEN`), or the runs of this user on this machine, or the one with a process id. */
export async function findTargets(options: { control?: string; run?: string }): Promise<Target[]> {
  if (options.control !== undefined) return [targetAt(options.control)];
  const found: Target[] = [];
  for (const [pid, socketPath] of runSockets()) {
    if (options.run !== undefined && options.run !== String(pid)) continue;
    if (isAlive(pid)) found.push({ name: `run ${pid}`, place: { socketPath } });
    else rmSync(socketPath, { force: true });
  }
  if (found.length > 0) return found;
  throw new ReflexarcError({
    kind: "usage",
    room: "control",
    what:
      options.run === undefined
        ? "no live run of yours was found"
        : `no live run has the process id ${options.run}`,
    remedy: "Start one with --live; or name one elsewhere: --control http://127.0.0.1:8100.",
  });
}

function targetAt(text: string): Target {
  let url: URL | undefined;
  try {
    url = new URL(/^https?:\/\//.test(text) ? text : `http://${text}`);
  } catch {}
  if (url?.protocol !== "http:" || url.port === "")
    throw new ReflexarcError({
      kind: "usage",
      room: "control",
      what: "this is no address of a run",
      where: `--control ${text}`,
      remedy: "Write what the run said at its start, for example http://127.0.0.1:8100.",
    });
  const token = process.env.REFLEXARC_TOKEN;
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  return { name: url.origin, place: { hostname, port: url.port, headers } };
}

/** Asks one thing. Throws a device error when nobody answers, a usage error when the token is refused. */
export async function ask(target: Target, path: string, body?: object): Promise<Reply> {
  const { name, place } = target;
  const { status, text } = await exchange(place, path, body).catch((cause: Error) => {
    throw new ReflexarcError(
      {
        kind: "device",
        room: "control",
        what: `${name} does not answer: ${cause.message}`,
        remedy:
          "A run that stands still is stopped by its guard; kill -USR2 to its process id stops it, too.",
      },
      { cause },
    );
  });
  const reply = JSON.parse(text) as Reply;
  if (status === 200 || status === 409) return reply;
  throw new ReflexarcError({
    kind: "usage",
    room: "control",
    what: `${name} refuses: ${reply.error}`,
    remedy:
      status === 401
        ? "Put the token that the run said at its start into REFLEXARC_TOKEN."
        : "Check --control.",
  });
}

function exchange(
  place: Target["place"],
  path: string,
  body: object | undefined,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...place,
        path,
        method: body ? "POST" : "GET",
        timeout: answerMsMax,
        headers: { ...place.headers, ...(body && { "content-type": "application/json" }) },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (more: string) => {
          text += more;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`nothing came within ${answerMsMax / 1000} s`)));
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
