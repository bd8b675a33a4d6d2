/** `reflexarc broker`: the MQTT broker alone, for as long as it is wanted; and the file of those who may use it. */

import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { readTextFile } from "../../drivers/files.ts";
import { type MqttServer, type MqttServerSetup, serveMqtt } from "../../drivers/mqtt/server.ts";
import { doorOf, hashPassword, localDoor, readUsers, withUser } from "../../drivers/mqtt/users.ts";
import { ReflexarcError } from "../errors.ts";
import { endingSignals, toStderr } from "./world.ts";

export interface BrokerOptions {
  host: string;
  port?: string;
  users?: string;
  cert?: string;
  key?: string;
  add?: string;
  publish: string[];
  subscribe: string[];
  json?: boolean;
}

export async function broker(options: BrokerOptions): Promise<void> {
  if (options.add !== undefined) return addUser(options, options.add, await password(options.add));
  const ending = endingSignals();
  const server = await serveMqtt(setupOf(options));
  toStderr(`a broker listens on ${server.url}; ${whoMay(options)}; Ctrl+C ends it`);
  await new Promise<void>((resolve) =>
    ending.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await server.close();
  tell(server, options.json ?? false);
}

function tell(server: MqttServer, json: boolean): void {
  const counts = server.counts();
  const lines = Object.entries(counts).map(([what, count]) => `${count} ${what}\n`);
  process.stdout.write(json ? `${JSON.stringify({ url: server.url, counts })}\n` : lines.join(""));
}

const usage = (what: string, remedy: string, where?: string) =>
  new ReflexarcError({ kind: "usage", room: "broker", what, remedy, ...(where && { where }) });

/** 127.0.0.0/8 and ::1: nobody but this machine can reach it. */
const isLoopback = (host: string) => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host);

/** What to serve. Throws a usage error for what would let strangers in. */
export function setupOf({ host, port, users, cert, key }: BrokerOptions): MqttServerSetup {
  const tls = cert !== undefined && key !== undefined;
  if (!tls && (cert ?? key) !== undefined)
    throw usage("TLS needs a certificate and its key", "Give both --cert and --key.");
  const number = Number(port ?? (tls ? 8883 : 1883));
  if (!(Number.isInteger(number) && number >= 0 && number <= 65_535))
    throw usage(`--port ${port} is no TCP port`, "Give 0 to 65535; 0 takes any free one.");
  if (users === undefined && !isLoopback(host))
    throw usage(
      "anonymous clients are refused where others can reach the broker",
      "Give a file of users with --users; `reflexarc broker --users FILE --add NAME` makes one.",
      host,
    );
  return {
    host,
    port: number,
    ...(tls && { tls: { cert: readTextFile(cert, "broker"), key: readTextFile(key, "broker") } }),
    door: users === undefined ? localDoor : doorOf(readUsers(readTextFile(users, "broker"), users)),
    room: "broker",
    remedy: "End what listens there, or choose another --port or --host.",
  };
}

function whoMay({ users, host, cert }: BrokerOptions): string {
  if (users === undefined) return "programs of this machine need no password";
  const open = cert === undefined && !isLoopback(host);
  return `users: ${users}${open ? ", whose passwords anybody on the way can read without --cert and --key" : ""}`;
}

/** Adds a user to the file, or gives it another password and other topics. */
export async function addUser(
  { users: file, publish, subscribe }: Pick<BrokerOptions, "users" | "publish" | "subscribe">,
  name: string,
  secret: string,
): Promise<void> {
  if (file === undefined) throw usage("--add needs a file to add to", "Name it with --users; it may be new.");
  if (secret.length < 8)
    throw usage("a password of less than 8 characters is soon found", "Choose a longer one.");
  const before = existsSync(file) ? readTextFile(file, "broker") : "";
  if (before.trim() !== "") readUsers(before, file);
  const after = withUser(before, name, { password: await hashPassword(secret), publish, subscribe });
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, after, { mode: 0o600, flag: "wx" });
    renameSync(part, file);
  } catch (cause) {
    rmSync(part, { force: true });
    const what = `the file can't be written: ${(cause as NodeJS.ErrnoException).code}`;
    const remedy = "Name a file in a folder that you may write to.";
    throw new ReflexarcError({ kind: "usage", room: "broker", what, where: file, remedy }, { cause });
  }
  const may =
    publish.length + subscribe.length === 0 ? "; it may do nothing yet: see --publish, --subscribe" : "";
  toStderr(`${name} is in ${file}${may}`);
}

/** The first line of standard input; asked for, and not shown, where somebody sits there. */
async function password(name: string): Promise<string> {
  const { stdin, stderr } = process;
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: stdin.isTTY });
  if (stdin.isTTY) stderr.write(`Password of ${name}: `);
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write("\n");
  }
}
