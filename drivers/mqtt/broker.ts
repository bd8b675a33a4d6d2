/** An MQTT broker in the process, for whoever has none: on the loopback only, and closed to all that it need not allow. */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { ReflexarcError } from "../../src/errors.ts";
import { type Door, loadAedes, serveMqtt, type Visitor } from "./server.ts";

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

/** Starts a broker. Throws a device error when the port is taken. */
export async function openBroker(setup: BrokerSetup, load = loadAedes): Promise<Broker> {
  const owner = { username: "reflexarc", password: randomBytes(24).toString("hex") };
  const guestTopics = new Set(setup.guestTopics);
  const server = await serveMqtt(
    {
      host: "127.0.0.1",
      port: setup.port,
      door: ownDoor(setup.base, guestTopics, owner),
      room: setup.room,
      remedy: "Name the broker that runs there with url, or choose another port (0 takes any free one).",
    },
    load,
  );
  const allow = (topics: readonly string[]) => {
    for (const topic of topics) guestTopics.add(topic);
  };
  return { ...server, ...owner, allow };
}

/**
 * A guest needs no password, as only this machine can reach the broker; it may press the buttons and read, but leave nothing
 * behind: no will, nothing retained.
 */
function ownDoor(
  base: string,
  guestTopics: ReadonlySet<string>,
  { username, password }: { username: string; password: string },
): Door {
  const isUnderBase = (topic: string) => topic.startsWith(`${base}/`);
  const reader = {
    refusesSubscribe: (filter: string) => (filter.startsWith("$") ? "subscriptions refused" : undefined),
    mayRead: isUnderBase,
  };
  const owner: Visitor = {
    ...reader,
    name: username,
    refusesPublish: (topic) => (isUnderBase(topic) ? undefined : "topics refused"),
  };
  const guest: Visitor = {
    ...reader,
    name: "",
    refusesPublish(topic, retain) {
      if (retain) return "retained messages refused";
      return guestTopics.has(topic) ? undefined : "topics refused";
    },
  };
  const ownPassword = Buffer.from(password);
  return (knock) => {
    if (knock.username === undefined && knock.password === undefined) {
      if (knock.hasWill) return { refused: "wills refused", returnCode: 5 };
      if (knock.clientId.startsWith(ownerIdPrefix)) return { refused: "takeovers refused", returnCode: 2 };
      return guest;
    }
    const given = knock.password ?? Buffer.alloc(0);
    const isOwner =
      knock.username === username &&
      given.length === ownPassword.length &&
      timingSafeEqual(given, ownPassword);
    return isOwner ? owner : { refused: "passwords refused", returnCode: 4 };
  };
}
