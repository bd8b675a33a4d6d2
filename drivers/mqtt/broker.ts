/** An MQTT 3.1.1 broker in the process, for whoever has none: on the loopback only, and closed to all that it need not allow. */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { AedesOptions, Client } from "aedes";
import { ReflexarcError } from "../../src/errors.ts";
import { packetGate } from "./gate.ts";

export interface BrokerSetup {
  /** TCP port on 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  /** Topics begin with this and a slash. */
  readonly base: string;
  /** Topics that a guest may publish to: nothing else, and nothing retained. */
  readonly guestTopics: readonly string[];
  /** For errors. */
  readonly room: string;
}

export interface Broker {
  readonly url: string;
  readonly port: number;
  /** Who has these is the runtime itself: it may publish whatever lies under the base, retained or as its will. */
  readonly username: string;
  readonly password: string;
  /** Lets guests publish to further topics. */
  allow(topics: readonly string[]): void;
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

interface SharedBroker {
  readonly base: string;
  readonly broker: Promise<Broker>;
  users: number;
}

/** The brokers of this process by port: two actuators share one, as two servos share a serial port. */
const sharedBrokers = new Map<number, SharedBroker>();

/** Starts a broker, or joins the one that this process has on that port; it ends with its last user. */
export async function joinBroker(setup: BrokerSetup, start = openBroker): Promise<Broker> {
  const { port, base, room } = setup;
  if (port === 0) return start(setup);
  const shared = sharedBrokers.get(port) ?? { base, broker: start(setup), users: 0 };
  if (shared.base !== base) {
    const what = `the broker of this process has the base "${shared.base}"`;
    const remedy = "Give all actuators on it the same base, or another port.";
    throw new ReflexarcError({ kind: "usage", room, what, where: `127.0.0.1:${port}`, remedy });
  }
  sharedBrokers.set(port, shared);
  shared.users += 1;
  const leave = () => {
    shared.users -= 1;
    if (shared.users === 0) sharedBrokers.delete(port);
    return shared.users === 0;
  };
  try {
    const broker = await shared.broker;
    broker.allow(setup.guestTopics);
    return { ...broker, close: async () => void (leave() && (await broker.close())) };
  } catch (cause) {
    leave();
    throw cause;
  }
}

/** Client ids of the runtime itself begin with this: no guest may take one over. */
export const ownerIdPrefix = "reflexarc-";

const packetBytesMax = 64 * 1024;
const connectBytesMax = 4 * 1024;
const connectionsMax = 64;
const subscriptionsMax = 32;
const drainMsMax = 1000;
const connectMsMax = 5000;

/** Loads aedes, only now. */
const loadAedes = async () => (await import("aedes")).Aedes;

/** Starts a broker. Throws a device error when the port is taken. */
export async function openBroker(setup: BrokerSetup, load = loadAedes): Promise<Broker> {
  const owner = { username: "reflexarc", password: randomBytes(24).toString("hex") };
  const guestTopics = new Set(setup.guestTopics);
  const counts: Record<string, number> = {};
  const refuse = (what: string): Error => {
    counts[what] = (counts[what] ?? 0) + 1;
    return new Error(what);
  };

  const Aedes = await load();
  const aedes = await Aedes.createBroker({
    drainTimeout: drainMsMax,
    connectTimeout: connectMsMax,
    ...authorisation(setup.base, guestTopics, owner, refuse),
  });
  // A client that errs is cut off by aedes; the broker goes on.
  aedes.on("clientError", () => refuse("clients cut off"));
  aedes.on("connectionError", () => refuse("connections cut off"));

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => sockets.delete(socket));
    gateParser(aedes.handle(socket), () => socket.destroy(refuse("packets too large or out of place")));
  });
  server.maxConnections = connectionsMax;
  const close = async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  try {
    const port = await listen(server, setup.port);
    const allow = (topics: readonly string[]) => {
      for (const topic of topics) guestTopics.add(topic);
    };
    return { url: `mqtt://127.0.0.1:${port}`, port, ...owner, allow, counts: () => counts, close };
  } catch (cause) {
    await close();
    throw new ReflexarcError(
      {
        kind: "device",
        room: setup.room,
        what: `the broker can't listen: ${(cause as NodeJS.ErrnoException).code}`,
        where: `127.0.0.1:${setup.port}`,
        remedy: "Name the broker that runs there with url, or choose another port (0 takes any free one).",
      },
      { cause },
    );
  }
}

/**
 * Who may do what. aedes allows everything by default, so all of its hooks are set. A guest needs no password, as only this
 * machine can reach the broker; it may press the buttons and read, but leave nothing behind: no session, no will, nothing
 * retained.
 */
function authorisation(
  base: string,
  guestTopics: ReadonlySet<string>,
  owner: { username: string; password: string },
  refuse: (what: string) => Error,
): AedesOptions {
  const owners = new WeakSet<Client>();
  const subscriptions = new WeakMap<Client, number>();
  const ownPassword = Buffer.from(owner.password);
  const isUnderBase = (topic: string) => topic.startsWith(`${base}/`);

  return {
    preConnect(client, packet, done) {
      const given = Buffer.from(packet.password ?? "");
      const isOwner =
        packet.username === owner.username &&
        given.length === ownPassword.length &&
        timingSafeEqual(given, ownPassword);
      if (isOwner) owners.add(client);
      else if (packet.will) return done(refuse("wills refused"), false);
      else if (packet.clientId.startsWith(ownerIdPrefix)) return done(refuse("takeovers refused"), false);
      packet.clean = true;
      done(null, true);
    },
    authenticate(client, username, password, done) {
      if (owners.has(client) || (username === undefined && password === undefined)) return done(null, true);
      done(Object.assign(refuse("passwords refused"), { returnCode: 4 }), false);
    },
    authorizePublish(client, { topic, retain }, done) {
      if (client && owners.has(client)) return done(isUnderBase(topic) ? null : refuse("topics refused"));
      if (retain) return done(refuse("retained messages refused"));
      done(client && guestTopics.has(topic) ? null : refuse("topics refused"));
    },
    authorizeSubscribe(client, subscription, done) {
      const count = (subscriptions.get(client) ?? 0) + 1;
      subscriptions.set(client, count);
      const allowed = count <= subscriptionsMax && !subscription.topic.startsWith("$");
      if (!allowed) refuse("subscriptions refused");
      done(null, allowed ? subscription : null);
    },
    authorizeForward: (_client, packet) => (isUnderBase(packet.topic) ? packet : null),
    published: (_packet, _client, done) => done(),
  };
}

/** Puts the gate before a client's parser. aedes has no place for it, so its parser is reached by its private name. */
function gateParser(client: Client, cut: () => unknown): void {
  const parser = (client as Client & { _parser?: { parse(bytes: Buffer): number } })._parser;
  if (typeof parser?.parse !== "function") {
    cut();
    return;
  }
  const parse = parser.parse.bind(parser);
  const gate = packetGate({ bytesMax: packetBytesMax, connectBytesMax });
  parser.parse = (bytes) => {
    if (gate(bytes) === "pass") return parse(bytes);
    cut();
    return 0;
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => {
      server.removeListener("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
