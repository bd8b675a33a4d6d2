/** An MQTT 3.1.1 broker that allows nothing by itself: whoever connects is let in, or not, by a door, and may do what it says. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { AedesOptions, Client, ConnectPacket } from "aedes";
import { type Clock, wallClock } from "../../src/clock.ts";
import { ReflexarcError } from "../../src/errors.ts";
import { packetGate } from "./gate.ts";

/** Who was let in, and what it may do; each answer is why not, or undefined. */
export interface Visitor {
  /** Two visitors of different names can't have the same client id. */
  readonly name: string;
  /** Also asked of a will, when it is left and when it is published. */
  refusesPublish(topic: string, retain: boolean): string | undefined;
  refusesSubscribe(filter: string): string | undefined;
  /** Of each message, whatever the filter was that it came by. */
  mayRead(topic: string): boolean;
}

export interface Knock {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly hasWill: boolean;
}

/** Lets somebody in, or says why not; the second part of a refusal is MQTT's return code (table 3.1). */
export type Door = (knock: Knock) => Promise<Visitor | Refusal> | Visitor | Refusal;

export interface Refusal {
  readonly refused: string;
  readonly returnCode: 2 | 4 | 5;
}

export interface MqttServerSetup {
  readonly host: string;
  /** TCP port; 0 takes any free one. */
  readonly port: number;
  readonly tls?: Pick<TlsOptions, "cert" | "key">;
  readonly door: Door;
  /** The wall by default. */
  readonly clock?: Clock;
  /** For errors. */
  readonly room: string;
  /** What to do where the port is taken. */
  readonly remedy: string;
}

export interface MqttServer {
  readonly url: string;
  readonly port: number;
  /** Refusals and cuts, by name in words. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

const packetBytesMax = 64 * 1024;
const connectBytesMax = 4 * 1024;
/** Of one client: a camera's packets come at 1,000 a second, a flood at 100,000. */
const packetsPerSMax = 5000;
const connectionsMax = 64;
const subscriptionsMax = 32;
const retainedMax = 1024;
/** A reader that takes nothing holds up the others of its topics no longer than this. */
const drainMsMax = 1000;
const connectMsMax = 5000;

/** Loads aedes, only now. */
export const loadAedes = async () => (await import("aedes")).Aedes;

/** Starts a broker. Throws a device error when the port is taken. */
export async function serveMqtt(setup: MqttServerSetup, load = loadAedes): Promise<MqttServer> {
  const { host, tls, room, remedy, clock = wallClock() } = setup;
  const counts: Record<string, number> = {};
  const refuse = (what: string): Error => {
    counts[what] = (counts[what] ?? 0) + 1;
    return new Error(what);
  };

  const Aedes = await load();
  const aedes = await Aedes.createBroker({
    drainTimeout: drainMsMax,
    connectTimeout: connectMsMax,
    ...authorisation(setup.door, refuse, (clientId) => clients.get(clientId)),
  });
  const clients = new Map<string, Client>();
  aedes.on("client", (client) => clients.set(client.id, client));
  aedes.on("clientDisconnect", (client) => {
    if (clients.get(client.id) === client) clients.delete(client.id);
  });
  // A client that errs is cut off by aedes; the broker goes on.
  aedes.on("clientError", () => refuse("clients cut off"));
  aedes.on("connectionError", () => refuse("connections cut off"));

  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => sockets.delete(socket));
    gateParser(aedes.handle(socket), clock, (why) => socket.destroy(refuse(why)));
  };
  const server = tls ? createTlsServer({ ...tls, minVersion: "TLSv1.2" }, serve) : createServer(serve);
  server.on("tlsClientError", () => refuse("TLS handshakes that failed"));
  server.maxConnections = connectionsMax;
  const close = async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  try {
    const port = await listen(server, host, setup.port);
    const named = host.includes(":") ? `[${host}]` : host;
    return { url: `${tls ? "mqtts" : "mqtt"}://${named}:${port}`, port, counts: () => counts, close };
  } catch (cause) {
    await close();
    const what = `the broker can't listen: ${(cause as NodeJS.ErrnoException).code}`;
    const where = `${host}:${setup.port}`;
    throw new ReflexarcError({ kind: "device", room, what, where, remedy }, { cause });
  }
}

/**
 * aedes allows everything by default, so all of its hooks are set. It asks `authorizePublish` of a will only when it
 * publishes it (aedes 1.2, lib/client.js); here that is asked at the door, too, so that nobody leaves one in vain.
 * No session outlives its connection, so nothing waits for whoever is away.
 */
function authorisation(
  door: Door,
  refuse: (what: string) => Error,
  connected: (clientId: string) => Client | undefined,
): AedesOptions {
  const connects = new WeakMap<Client, ConnectPacket & { askedClean: boolean }>();
  const visitors = new WeakMap<Client, Visitor>();
  const subscriptions = new WeakMap<Client, number>();
  const retainedTopics = new Set<string>();
  const refused = (what: string, returnCode: number) => Object.assign(refuse(what), { returnCode });

  const letIn = async (client: Client, username?: string, password?: Buffer): Promise<Visitor | Refusal> => {
    const packet = connects.get(client);
    if (!packet) return { refused: "connections without a beginning refused", returnCode: 5 };
    const { clientId, will, askedClean } = packet;
    // MQTT-3.1.3-8
    if (clientId === "" && !askedClean)
      return { refused: "sessions without a client id refused", returnCode: 2 };
    const visitor = await door({ clientId, username, password, hasWill: will !== undefined });
    if ("refused" in visitor) return visitor;
    const other = connected(clientId);
    if (other && visitors.get(other)?.name !== visitor.name)
      return { refused: "takeovers refused", returnCode: 2 };
    if (will && visitor.refusesPublish(will.topic, will.retain ?? false) !== undefined)
      return { refused: "wills refused", returnCode: 5 };
    return visitor;
  };

  return {
    preConnect(client, packet, done) {
      connects.set(client, { ...packet, askedClean: packet.clean ?? false });
      packet.clean = true;
      done(null, true);
    },
    authenticate(client, username, password, done) {
      letIn(client, username, password).then(
        (answer) => {
          if ("refused" in answer) return done(refused(answer.refused, answer.returnCode) as never, false);
          visitors.set(client, answer);
          done(null, true);
        },
        () => done(refused("connections refused by an error", 5) as never, false),
      );
    },
    authorizePublish(client, { topic, retain, payload }, done) {
      const visitor = client && visitors.get(client);
      const why = visitor ? visitor.refusesPublish(topic, retain) : "topics refused";
      if (why !== undefined) return done(refuse(why));
      if (retain && payload.length === 0) retainedTopics.delete(topic);
      else if (retain && !retainedTopics.has(topic)) {
        if (retainedTopics.size >= retainedMax) return done(refuse("retained topics too many"));
        retainedTopics.add(topic);
      }
      done(null);
    },
    authorizeSubscribe(client, subscription, done) {
      const count = (subscriptions.get(client) ?? 0) + 1;
      subscriptions.set(client, count);
      const visitor = visitors.get(client);
      const why =
        count > subscriptionsMax || !visitor
          ? "subscriptions refused"
          : visitor.refusesSubscribe(subscription.topic);
      if (why !== undefined) refuse(why);
      done(null, why === undefined ? subscription : null);
    },
    authorizeForward: (client, packet) => (visitors.get(client)?.mayRead(packet.topic) ? packet : null),
    published: (_packet, _client, done) => done(),
  };
}

/** Puts the gate before a client's parser. aedes has no place for it, so its parser is reached by its private name. */
function gateParser(client: Client, clock: Clock, cut: (why: string) => unknown): void {
  const parser = (client as Client & { _parser?: { parse(bytes: Buffer): number } })._parser;
  if (typeof parser?.parse !== "function") {
    cut("connections without a gate refused");
    return;
  }
  const parse = parser.parse.bind(parser);
  const gate = packetGate({ bytesMax: packetBytesMax, connectBytesMax, packetsPerSMax }, clock);
  parser.parse = (bytes) => {
    const verdict = gate(bytes);
    if (verdict === "pass") return parse(bytes);
    cut(verdict === "refused" ? "packets too large or out of place" : "clients cut off as too fast");
    return 0;
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, () => {
      server.removeListener("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
