/** The way to a broker: its URL, who one is there, TLS, and the protocol's version. */

import { readFileSync } from "node:fs";
import type { IClientOptions, MqttClient } from "mqtt";
import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import type { DriverContext } from "../../src/stage.ts";

/** No password stands in a document: documents are shared, and traces name what they were made of. */
export const brokerUrl = z
  .url({ protocol: /^(mqtts?|wss?)$/, error: "must be a URL that begins with mqtt, mqtts, ws or wss" })
  .refine((url) => {
    const { username, password } = new URL(url);
    return username === "" && password === "";
  }, "must not hold a user or password: set REFLEXARC_MQTT_USER and REFLEXARC_MQTT_PASSWORD, or give user and passwordFile");

const file = z.string().min(1).optional();

/** Who one is at a broker elsewhere; a broker in the process needs none of it. */
export const loginShape = {
  user: z
    .string()
    .min(1)
    .optional()
    .describe("the user at the broker; the environment's REFLEXARC_MQTT_USER by default"),
  passwordFile: file.describe(
    "a file whose first line is the password; the environment's REFLEXARC_MQTT_PASSWORD by default",
  ),
  caFile: file.describe("mqtts: certificate of the authority to trust (PEM); the system's by default"),
  certFile: file.describe("mqtts: own certificate (PEM), where the broker asks for one"),
  keyFile: file.describe("mqtts: key of the own certificate (PEM)"),
};

type Login = z.output<z.ZodObject<typeof loginShape>>;

const userVariable = "REFLEXARC_MQTT_USER";
const passwordVariable = "REFLEXARC_MQTT_PASSWORD";

/** User, password and TLS as the client takes them. Throws a usage error for a file that can't be read. */
export function loginOf(
  login: Login,
  { id, resolvePath }: Pick<DriverContext, "id" | "resolvePath">,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): IClientOptions {
  const read = (path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return readFileSync(resolvePath(path));
    } catch (cause) {
      const what = `the file can't be read: ${(cause as NodeJS.ErrnoException).code}`;
      const remedy = "Correct its name, and let your user read it.";
      throw new ReflexarcError({ kind: "usage", room: id, what, where: path, remedy }, { cause });
    }
  };
  const username = login.user ?? environment[userVariable];
  const password = read(login.passwordFile)?.toString().split(/\r?\n/, 1)[0] ?? environment[passwordVariable];
  const [ca, cert, key] = [read(login.caFile), read(login.certFile), read(login.keyFile)];
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  };
}

export type ConnectMqtt = (url: string, options: IClientOptions) => Promise<MqttClient>;

/** Begins to connect with the package mqtt, which is loaded only now. */
export const connectMqtt: ConnectMqtt = async (url, options) =>
  (await import("mqtt")).default.connect(url, options);

const reconnectMs = 500;

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

const connectMsMax = 3000;
const keepaliveS = 2;

/** Options of a client that stays: it notices a lost connection within seconds, and keeps nothing for later. */
export function steadyOptions(clientId: string, will?: IClientOptions["will"]): IClientOptions {
  return {
    clientId,
    clean: true,
    keepalive: keepaliveS,
    connectTimeout: connectMsMax,
    // A first failure is told at once; once connected, it tries for ever.
    reconnectPeriod: 0,
    // mqtt.js would keep commands while it is offline and send them late.
    queueQoSZero: false,
    ...(will && { will }),
  };
}

/** Subscribes at QoS 1. Throws when the broker refuses any of them, and lets go of the connection. */
export async function listenTo(client: MqttClient, topics: readonly string[]): Promise<void> {
  const granted = await client.subscribeAsync([...topics], { qos: 1 });
  const refused = granted.find(({ qos }) => qos >= 128);
  if (!refused) return;
  client.end(true);
  throw new Error(`the broker refuses the subscription to ${refused.topic}`);
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
    return error(
      "the broker refuses the user or password",
      `Set ${userVariable} and ${passwordVariable}, or give user and passwordFile.`,
    );
  if (typeof code === "string" && /CERT|SELF_SIGNED|UNABLE_TO_|TLS|SSL/.test(code))
    return error(
      `the broker's certificate or its TLS does not do: ${code}`,
      "Give the certificate of its authority with caFile, and the host's name as the certificate has it in url.",
    );
  return error(
    `no connection to the broker: ${cause.message}`,
    "Check that an MQTT broker listens there and that url names the right protocol and port.",
  );
}
