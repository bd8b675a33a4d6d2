/** Real peers for the device tests: a broker, a serial cable, and a live run in a process of its own. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { ErrorDetail } from "../../src/errors.ts";
import type { RunSummary } from "../../src/pipeline/summary.ts";
import { root } from "./world.ts";

const endings: (() => unknown)[] = [];

/** Ends all peers that are still there, the newest first: for `afterEach`. */
export async function endPeers(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}

export function untilEnd(end: () => unknown): void {
  endings.push(end);
}

/** How late a timer of 5 ms is at worst, until it is asked: what the machine itself adds. */
export function controlProbe(): () => number {
  let lastMs = performance.now();
  let worstMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    worstMs = Math.max(worstMs, nowMs - lastMs - 5);
    lastMs = nowMs;
  }, 5);
  return () => {
    clearInterval(timer);
    return worstMs;
  };
}

/** A folder that is removed at the end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
  untilEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Waits until `look` answers something, and answers it; rejects with what is missing after `withinMs`. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 10_000,
): Promise<Exclude<T, undefined | null | false>> {
  for (const startMs = Date.now(); Date.now() - startMs < withinMs; await pause(10)) {
    const seen = await look();
    if (seen) return seen as Exclude<T, undefined | null | false>;
  }
  throw new Error(`${what}: not seen within ${withinMs} ms`);
}

/** A program that is killed at the end of the test; missing ones are named. */
export function peer(command: string, args: readonly string[], input: "pipe" | "ignore" = "ignore") {
  const child = spawn(command, args, { stdio: [input, "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout!.on("data", (bytes) => {
    said.stdout += bytes;
  });
  child.stderr!.on("data", (bytes) => {
    said.stderr += bytes;
  });
  child.on("error", (error) => {
    said.stderr += `${error.message}: run .ci/install-peers`;
  });
  untilEnd(() => endOf(child));
  return { child, said };
}

/** Kills a process that we started, and waits until it is gone. */
export async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Mosquitto on a port of the loopback, unless a line names another listener; resolves when it answers. */
export async function startMosquitto(port: number, ...lines: string[]): Promise<ChildProcess> {
  const file = join(temporaryFolder(), "mosquitto.conf");
  const anonymous = lines.some((line) => line.startsWith("allow_anonymous")) ? [] : ["allow_anonymous true"];
  const elsewhere = lines.find((line) => line.startsWith("listener"));
  const listener = elsewhere === undefined ? [`listener ${port} 127.0.0.1`] : [];
  writeFileSync(file, [...listener, ...anonymous, ...lines, ""].join("\n"));
  const host = elsewhere?.split(" ")[2] ?? "127.0.0.1";
  const path = existsSync("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto";
  const { child, said } = peer(path, ["-c", file]);
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = createConnection(port, host);
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.end());
    });
  await eventually(`Mosquitto (${said.stderr})`, answers);
  return child;
}

/** A serial cable made by socat: `path` is the port, and what a program writes there comes out here. */
export interface Cable {
  readonly path: string;
  /** The program that reads the other end. */
  readonly child: ChildProcess;
  /** All bytes that came, as text, and as they are. */
  text(): string;
  bytes(): Buffer;
  /** Chunks with the time at which they came, milliseconds of `performance.now()`. */
  readonly chunks: readonly { atMs: number; text: string }[];
  /** What the device says. */
  say(said: string | Uint8Array): void;
  /** The plug is out: the port is gone. */
  pull(): Promise<void>;
}

export async function plugCable(path = join(temporaryFolder(), "port")): Promise<Cable> {
  const { child, said } = peer("socat", [`PTY,link=${path},raw,echo=0`, "STDIO"], "pipe");
  const chunks: { atMs: number; text: string }[] = [];
  const pieces: Buffer[] = [];
  child.stdout!.on("data", (bytes: Buffer) => {
    pieces.push(bytes);
    chunks.push({ atMs: performance.now(), text: String(bytes) });
  });
  child.stdin!.on("error", () => {});
  await eventually(`socat's port ${said.stderr}`, () => existsSync(path));
  return {
    path,
    child,
    chunks,
    text: () => said.stdout,
    bytes: () => Buffer.concat(pieces),
    say: (said) => child.stdin!.write(said),
    async pull() {
      await endOf(child);
      // Killed, socat leaves its link behind; a device that is pulled does not.
      rmSync(path, { force: true });
    },
  };
}

/** A run of the command line that goes on until it is ended. */
export interface LiveRun {
  readonly child: ChildProcess;
  stderr(): string;
  /** Resolves when the process is gone. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  /** Of a run that ended by itself. */
  summary(): Omit<RunSummary, "errors"> & { errors: ErrorDetail[] };
}

/** `reflexarc run <document> --live --arm --json`, at the speed of life. */
export function startLive(document: string, ...args: string[]): LiveRun {
  return liveRun(process.execPath, [main, ...live(document), ...args]);
}

/** The same with options for Node: something that is loaded before the program. */
export function startLiveWith(nodeOptions: readonly string[], document: string): LiveRun {
  return liveRun(process.execPath, [...nodeOptions, main, ...live(document)]);
}

/** The same in a network namespace. */
export function startLiveIn(namespace: string, document: string): LiveRun {
  return liveRun("ip", ["netns", "exec", namespace, process.execPath, main, ...live(document)]);
}

const main = join(root, "dist/src/cli/main.js");
const live = (document: string) => ["run", document, "--live", "--arm", "--json"];

function liveRun(command: string, args: readonly string[]): LiveRun {
  const { child, said } = peer(command, args);
  // Not `close`: a guard that is stopped still has the run's standard error.
  const read = once(child.stdout!, "close");
  const ended = once(child, "exit").then(async ([code, signal]) => {
    await read;
    return { code, signal };
  });
  return {
    child,
    ended,
    stderr: () => said.stderr,
    summary: () => JSON.parse(said.stdout),
  };
}

/** `follow` with other actuators, and another eye if one is given, as a document in a folder of its own. */
export function followWith(actuators: { pan: object; tilt?: object }, eye?: object): string {
  const document = parse(readFileSync(resolve(root, "pipelines/follow.yaml"), "utf8")) as {
    stages: Record<string, unknown>[];
  };
  const stages = document.stages.flatMap((stage): object[] => {
    if (stage.id === "eye" && eye) return [{ id: "eye", ...eye }];
    if (stage.id === "eye") return [{ ...stage, file: resolve(root, "pipelines", String(stage.file)) }];
    if (stage.network) return [{ ...stage, network: resolve(root, "pipelines", String(stage.network)) }];
    if (stage.id === "pan") return [{ ...stage, ...actuators.pan }];
    if (stage.id === "tilt") return actuators.tilt ? [{ ...stage, ...actuators.tilt }] : [];
    if (stage.id === "aim-tilt") return actuators.tilt ? [stage] : [];
    return [stage];
  });
  const file = join(temporaryFolder(), "document.yaml");
  writeFileSync(file, JSON.stringify({ stages }));
  return file;
}

/** A dot that moves for a minute. */
export const longEye = { use: "synthetic", scene: "moving-dot", durationMs: 60_000 };

/** An authority and a certificate for 127.0.0.1, made now. */
export function certificates(): { ca: string; cert: string; key: string } {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync("openssl", words, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-subj",
    "/CN=test",
    "-days",
    "2",
  );
  openssl("req", ...newKey, "-keyout", at("key.pem"), "-out", at("request"), "-subj", "/CN=127.0.0.1");
  writeFileSync(at("names"), "subjectAltName=IP:127.0.0.1\n");
  openssl(
    ...["x509", "-req", "-in", at("request"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"],
    ...["-out", at("cert.pem"), "-days", "2", "-extfile", at("names")],
  );
  return { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
}
