/** Sends commands to an MQTT broker, and takes enable, disable and emergency stop from it. */

import { randomBytes } from "node:crypto";
import type { IClientOptions, MqttClient } from "mqtt";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { type OperatorRequest, units } from "../src/safety/command.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { type Broker, joinBroker, ownerIdPrefix } from "./mqtt/broker.ts";
import { latestValue } from "./wire/latest.ts";

const options = z.strictObject({
  url: z
    .url({ protocol: /^(mqtts?|wss?)$/, error: "must be a URL that begins with mqtt, mqtts, ws or wss" })
    .optional()
    .describe("the broker, for example mqtt://192.168.1.10:1883; a broker in the process by default"),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(1883)
    .describe("TCP port of the broker in the process, on 127.0.0.1; 0 takes any free one"),
  base: z
    .string()
    .regex(/^[\w-]+(\/[\w-]+)*$/)
    .default("reflexarc")
    .describe("beginning of all topics"),
  name: z
    .string()
    .regex(/^[\w-]+$/)
    .optional()
    .describe("the actuator's part of its topics; the stage's id by default"),
  ttlMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe("age at which a receiver drops a command, milliseconds"),
});

type Options = z.output<typeof options>;

export type ConnectMqtt = (url: string, options: IClientOptions) => Promise<MqttClient>;

/** Begins to connect with the package mqtt, which is loaded only now. */
export const connectMqtt: ConnectMqtt = async (url, options) =>
  (await import("mqtt")).default.connect(url, options);

const connectMsMax = 3000;
const reconnectMs = 500;
const keepaliveS = 2;
const endUsMax = 500_000;

/**
 * Connects to the broker, or starts one. Throws a device error when it can't be reached within a few seconds.
 *
 * `<base>/<name>/command` carries a JSON object: `boot` (new in each process), `sequence` (rises within a boot), `atUs`
 * (packet time), `ttlMs`, `action` (`move` or `release`), and of a move `value` and `unit`. It is sent at QoS 0 and never
 * queued: whoever moves a motor by it drops what does not rise, and what is older than `ttlMs`. `<base>/<name>/state` is
 * retained and says `{ "online", "boot" }`, false by the last will. Any message on `enable` that is not empty arms, on
 * `disable` disarms, on `emergency-stop` stops; retained ones are ignored.
 */
export async function openMqtt(
  given: Options,
  context: ActuatorContext,
  connect: ConnectMqtt = connectMqtt,
  startBroker = joinBroker,
): Promise<Actuator> {
  const { id, clock } = context;
  const boot = randomBytes(4).toString("hex");
  const topic = (leaf: string) => `${given.base}/${given.name ?? id}/${leaf}`;
  const requests = new Map<string, OperatorRequest>([
    [topic("enable"), "arm"],
    [topic("disable"), "disarm"],
    [topic("emergency-stop"), "emergency-stop"],
  ]);
  const broker = given.url
    ? undefined
    : await startBroker({ port: given.port, base: given.base, guestTopics: [...requests.keys()], room: id });
  const url = given.url ?? broker!.url;
  const state = (online: boolean) => JSON.stringify({ online, boot });
  const will = { topic: topic("state"), payload: Buffer.from(state(false)), retain: true, qos: 0 as const };

  let client: MqttClient;
  try {
    client = await connectAny(url, clientOptions(boot, will, broker), connect, broker ? [4] : [5, 4]);
    await listenTo(client, [...requests.keys()]);
  } catch (cause) {
    await broker?.close();
    throw connectingError(id, url, cause as Error);
  }

  if (broker) context.notice(`${id}: a broker in this process listens on ${broker.url}`);
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const expiry =
    client.options.protocolVersion === 5
      ? { properties: { messageExpiryInterval: Math.ceil(given.ttlMs / 1000) } }
      : {};
  const latest = latestValue((frame, done) => {
    client.publish(topic("command"), Buffer.from(frame), { qos: 0, ...expiry }, () => done());
  }, clock);

  let online = true;
  let stopped = false;
  const sayOnline = () => client.publish(topic("state"), state(true), { qos: 0, retain: true });
  sayOnline();
  client.on("close", () => {
    if (!online || stopped) return;
    online = false;
    latest.clear();
    context.connection("lost", "the connection to the broker closed");
  });
  client.on("connect", () => {
    sayOnline();
    if (online || stopped) return;
    online = true;
    context.connection("connected", "the broker is back");
  });
  client.on("message", (from, payload, { retain }) => {
    const request = requests.get(from);
    if (!request || stopped) return;
    if (retain) return count("retained requests ignored");
    if (payload.length === 0 && request === "arm") return count("empty requests ignored");
    context.operator(request);
  });

  return {
    write(frame, command) {
      if (stopped) return;
      if (!online) return count("dropped while disconnected");
      latest.offer(id, withBoot(boot, frame), command.action);
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      await Promise.race([latest.idle(), clock.until(clock.nowUs() + endUsMax)]);
      if (online) client.publish(topic("state"), state(false), { qos: 0, retain: true });
      const ended = new Promise<void>((resolve) => client.end(false, () => resolve()));
      await Promise.race([ended, clock.until(clock.nowUs() + endUsMax)]);
      client.end(true);
      await broker?.close();
    },
    counts: () => ({ ...counts, ...latest.counts(), ...broker?.counts() }),
  };
}

export default defineActuator({
  name: "mqtt",
  about: "Publishes commands to an MQTT broker, its own or yours.",
  units,
  // Nothing moves by it when this process is gone: receivers drop what is old, and the last will says so.
  ownProcess: false,
  options,
  /** A JSON object as `openMqtt` tells it, without the boot id: the same command gives the same bytes. */
  encode({ ttlMs }) {
    const text = new TextEncoder();
    return (command) => {
      const { sequence, atUs, action } = command;
      const head = { sequence, atUs, ttlMs, action };
      const whole = command.action === "move" ? { ...head, value: command.value, unit: command.unit } : head;
      return text.encode(JSON.stringify(whole));
    };
  },
  open: (options, context) => openMqtt(options, context),
});

/** Puts the boot id first into the JSON object of a frame. */
function withBoot(boot: string, frame: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`{"boot":"${boot}",`), frame.subarray(1)]);
}

function clientOptions(
  boot: string,
  will: IClientOptions["will"],
  broker: Broker | undefined,
): IClientOptions {
  return {
    clientId: `${ownerIdPrefix}${boot}`,
    clean: true,
    keepalive: keepaliveS,
    connectTimeout: connectMsMax,
    // A first failure is told at once; once connected, it tries for ever.
    reconnectPeriod: 0,
    // mqtt.js would keep commands while it is offline and send them late.
    queueQoSZero: false,
    ...(will && { will }),
    ...(broker && { username: broker.username, password: broker.password }),
  };
}

/** Connects with the first protocol version that the broker takes. */
export async function connectAny(
  url: string,
  options: IClientOptions,
  connect: ConnectMqtt,
  versions: readonly (4 | 5)[],
): Promise<MqttClient> {
  const [protocolVersion, ...others] = versions;
  try {
    return await connected(await connect(url, { ...options, protocolVersion: protocolVersion! }));
  } catch (error) {
    const { code } = error as { code?: unknown };
    const otherVersion = code === unacceptableVersion || code === unsupportedVersion || code === hungUp;
    if (!otherVersion || others.length === 0) throw error;
    return connectAny(url, options, connect, others);
  }
}

/** CONNACK codes of MQTT 3.1.1 (table 3.1) and 5 (table 3-1): not this version. */
const unacceptableVersion = 1;
const unsupportedVersion = 132;
/** Our own: the broker closed without a word. */
const hungUp = "HUNG_UP";

function connected(client: MqttClient): Promise<MqttClient> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      client.removeListener("close", close);
      client.end(true);
      reject(error);
    };
    const close = () => fail(Object.assign(new Error("the broker closed the connection"), { code: hungUp }));
    client.once("close", close);
    // Stays: an error without a listener would end the process; what matters is told by `close`.
    client.on("error", fail);
    client.once("connect", () => {
      client.removeListener("close", close);
      client.removeListener("error", fail);
      client.on("error", () => {});
      client.options.reconnectPeriod = reconnectMs;
      client.options.reconnectOnConnackError = true;
      resolve(client);
    });
  });
}

async function listenTo(client: MqttClient, topics: string[]): Promise<void> {
  const granted = await client.subscribeAsync(topics, { qos: 1 });
  if (granted.every(({ qos }) => qos < 128)) return;
  client.end(true);
  throw new Error("the broker refuses the subscription to enable, disable and emergency-stop");
}

export function connectingError(room: string, url: string, cause: Error): ReflexarcError {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  const where = shown.href;
  const error = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "device", room, what, where, remedy }, { cause });
  const { code } = cause as { code?: unknown };
  if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EHOSTUNREACH")
    return error(
      `no broker answers: ${code}`,
      "Start it, correct url, or leave url out to use one in the process.",
    );
  if (code === 4 || code === 5 || code === 134 || code === 135)
    return error("the broker refuses the user or password", "Give them in url: mqtt://user:password@host.");
  return error(
    `no connection to the broker: ${cause.message}`,
    "Check that an MQTT broker listens there and that url names the right protocol and port.",
  );
}
