/** The control endpoint of a run: arm, disarm, stop, reset and status over HTTP, on the loopback or on a socket file. */

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import type { OperatorDesk } from "../pipeline/operator.ts";
import type { OperatorRequest } from "../safety/command.ts";

export interface ControlPlace {
  readonly host: string;
  readonly port: number;
}

/** A server that listens, and how to end it. */
export interface Control {
  /** Where it listens: a URL, or the path of the socket. */
  readonly where: string;
  close(): Promise<void>;
}

const bodyBytesMax = 4096;
const connectionsMax = 32;
const requestMsMax = 2000;

const routes = new Map<string, OperatorRequest>([
  ["/arm", "arm"],
  ["/disarm", "disarm"],
  ["/stop", "emergency-stop"],
  ["/reset", "reset-emergency-stop"],
]);

const bodyShape = z.strictObject({ actuator: z.string().max(64).optional() });

/** `8100`, `127.0.0.1:8100` or `[::1]:8100`. Throws a usage error for anything else, and for an address that means all of them. */
export function controlPlace(text: string): ControlPlace {
  const refuse = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: "control", what, where: `--control ${text}`, remedy });
  const [, bracketed, plain, digits] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw refuse("this is no [host:]port", "Write for example --control 8100 or --control 127.0.0.1:8100.");
  const host = (bracketed ?? plain ?? "127.0.0.1").toLowerCase();
  if (host !== "localhost" && isIP(host) === 0)
    throw refuse("the host must be an address", "Write one of this machine's addresses, or leave it out.");
  if (host === "0.0.0.0" || host === "::")
    throw refuse(
      "it would listen on every address of this machine",
      "Name the one address that it shall have.",
    );
  return { host, port };
}

export const isLoopback = (address: string | undefined) =>
  address !== undefined && /^(::ffff:)?127\.|^::1$|^localhost$/.test(address);

/**
 * Listens on TCP. Everything but a stop from this machine needs the token; a page in a browser gets nowhere, whatever it
 * knows, since the names by which it may be called and the origins of a request are checked (DNS rebinding, CSRF).
 */
export async function listenOnPort(
  { host, port }: ControlPlace,
  token: string,
  desk: OperatorDesk,
): Promise<Control> {
  const names = new Set<string>();
  const server = serve(desk, (request) => {
    if (!names.has(request.headers.host?.toLowerCase() ?? "")) return [403, "this is not the host's name"];
    const { origin } = request.headers;
    if (origin !== undefined && !names.has(origin.replace(/^http:\/\//, "").toLowerCase()))
      return [403, "a page of another origin has no say here"];
    const site = request.headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none")
      return [403, "a page of another origin has no say here"];
    const stops = request.url === "/stop" && isLoopback(request.socket.remoteAddress);
    return stops || bears(request, token) ? undefined : [401, "the token is missing or wrong"];
  });
  await listening(server, { host, port }, `${host}:${port}`);
  const bound = (server.address() as AddressInfo).port;
  for (const name of isLoopback(host) ? ["127.0.0.1", "localhost", "[::1]", literal(host)] : [literal(host)])
    names.add(`${name}:${bound}`);
  return { where: `http://${literal(host)}:${bound}`, close: () => closed(server) };
}

/** Listens on a socket file. Who may open it is the file's own matter: it is the user's alone, and no page reaches it. */
export async function listenOnSocket(path: string, desk: OperatorDesk): Promise<Control> {
  const server = serve(desk, () => undefined);
  await listening(server, { path }, path);
  return { where: path, close: () => closed(server) };
}

const literal = (host: string) => (host.includes(":") ? `[${host}]` : host);

/** Compares digests, so that neither the length nor the time tells anything. */
function bears(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

type Refusal = readonly [status: number, why: string];

function serve(desk: OperatorDesk, refusal: (request: IncomingMessage) => Refusal | undefined): Server {
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, maxHeaderSize: 8192 },
    (request, response) => {
      const answer = (status: number, told: object) => {
        response.writeHead(status, {
          "content-type": "application/json",
          "cache-control": "no-store",
          "x-content-type-options": "nosniff",
          connection: "close",
          ...(status === 405 && { allow: routes.has(request.url!) ? "POST" : "GET" }),
        });
        response.end(`${JSON.stringify(told)}\n`);
      };
      void handle(request, response, desk, refusal, answer);
    },
  );
  server.maxConnections = connectionsMax;
  return server;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  desk: OperatorDesk,
  refusal: (request: IncomingMessage) => Refusal | undefined,
  answer: (status: number, told: object) => void,
): Promise<void> {
  const refuse = ([status, error]: Refusal) => answer(status, { error });
  const refused = refusal(request);
  if (refused) return refuse(refused);
  const { method, url = "" } = request;
  const tell = () => ({ stopped: desk.stopped, run: desk.status() ?? null });
  const asked = routes.get(url);
  if (asked === undefined && url !== "/status")
    return refuse([404, "there are /status, /arm, /disarm, /stop and /reset"]);
  if (method !== (asked ? "POST" : "GET")) return refuse([405, `use ${asked ? "POST" : "GET"}`]);
  if (!asked) return answer(200, tell());
  // A form of a page can't say this without being asked for leave first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? ""))
    return refuse([415, "the content type must be application/json"]);
  const text = await bodyOf(request);
  if (text === undefined) {
    response.once("finish", () => request.destroy());
    return refuse([413, `the body has more than ${bodyBytesMax} bytes`]);
  }
  const body = bodyShape.safeParse(jsonIn(text));
  if (!body.success) return refuse([400, 'the body must be {} or {"actuator":"<id>"}']);
  const said = desk.ask(asked, body.data.actuator);
  answer(said.done ? 200 : 409, said.done ? tell() : { error: said.why, ...tell() });
}

/** Undefined when it is too long or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bodyBytesMax) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString()));
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });
}

function jsonIn(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listening(server: Server, where: { path: string } | ControlPlace, shown: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const what =
        cause.code === "EADDRINUSE"
          ? "this place is taken"
          : `the control endpoint can't listen: ${cause.code ?? cause.message}`;
      const remedy = "Choose another port, or 0 for any free one.";
      reject(new ReflexarcError({ kind: "usage", room: "control", what, where: shown, remedy }, { cause }));
    });
    server.listen(where, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
