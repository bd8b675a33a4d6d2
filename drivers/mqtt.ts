/** Sends commands to an MQTT broker, and takes enable, disable and emergency stop from it. */

import { randomBytes } from "node:crypto";
import type { MqttClient } from "mqtt";
import { z } from "zod";
import { units } from "../src/safety/command.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { joinBroker, ownerIdPrefix } from "./mqtt/broker.ts";
import {
  type ConnectMqtt,
  connectAny,
  connectingError,
  connectMqtt,
  listenTo,
  loginOf,
  steadyOptions,
} from "./mqtt/connection.ts";
import { birthTopic, commandParts, discoveryOf, noHomeHere, operatingParts } from "./mqtt/home-assistant.ts";
import { anyBrokerShape, baseShape, discoveryShape, nameShape } from "./mqtt/options.ts";
import { operatorRequests } from "./mqtt/requests.ts";
import { latestValue } from "./wire/latest.ts";

const options = z.strictObject({
  ...anyBrokerShape,
  ...baseShape,
  ...nameShape("the actuator's"),
  ...discoveryShape("this actuator"),
  unit: z.enum(units).default("deg").describe("the unit of its limits, for Home Assistant"),
  ttlMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe("age at which a receiver drops a command, milliseconds"),
});

type Options = z.output<typeof options>;

const endUsMax = 500_000;
const figuresEveryUs = 5_000_000;

/**
 * Connects to the broker, or starts one. Throws a device error when it can't be reached within a few seconds.
 *
 * `<base>/<pipeline>/<name>/command` carries a JSON object: `boot` (new in each process), `sentMs` (since 1970), `sequence`
 * (rises within a boot), `atUs` (packet time), `ttlMs`, `action` (`move` or `release`), and of a move `value` and `unit`. It is
 * sent at QoS 0 and never queued: whoever moves a motor by it drops what does not rise, and what is older than `ttlMs`.
 * `<base>/<pipeline>/<name>/state` is retained and says `{ "online", "boot" }`, false by the last will. Operators: see `mqtt/requests.ts`.
 */
export async function openMqtt(
  given: Options,
  context: ActuatorContext,
  connect: ConnectMqtt = connectMqtt,
  startBroker = joinBroker,
  epochMs: () => number = Date.now,
): Promise<Actuator> {
  const { id, pipeline, clock } = context;
  const boot = randomBytes(4).toString("hex");
  const topic = (leaf: string) => `${given.base}/${pipeline}/${given.name ?? id}/${leaf}`;
  const requests = operatorRequests(topic);
  const broker = given.url
    ? undefined
    : await startBroker({ port: given.port, base: given.base, guestTopics: requests.topics, room: id });
  const url = given.url ?? broker!.url;
  if (given.discovery && !given.url) throw noHomeHere(id);
  const home = given.discovery && homeOf(given.discovery, given, id, topic);
  const homeStatus = birthTopic(given.discovery ?? "");
  const state = (online: boolean) => JSON.stringify({ online, boot });
  const will = { topic: topic("state"), payload: Buffer.from(state(false)), retain: true, qos: 0 as const };

  let client: MqttClient;
  try {
    const own = broker ? { username: broker.username, password: broker.password } : loginOf(given, context);
    client = await connectAny(
      url,
      { ...steadyOptions(`${ownerIdPrefix}${boot}`, will), ...own },
      connect,
      broker ? [4] : [5, 4],
    );
    await listenTo(client, [...requests.topics, ...(home ? [homeStatus] : [])]);
  } catch (cause) {
    await broker?.close();
    throw connectingError(id, url, cause as Error);
  }

  if (broker) context.notice(`${id}: a broker in this process listens on ${broker.url}`);
  let dropped = 0;
  const expiry =
    client.options.protocolVersion === 5
      ? { properties: { messageExpiryInterval: Math.ceil(given.ttlMs / 1000) } }
      : {};
  const publish = (frame: Uint8Array, done: () => void) =>
    client.publish(topic("command"), Buffer.from(frame), { qos: 0, ...expiry }, () => done());
  const latest = latestValue(publish, clock, (_sender, at) => context.missed(at));

  let online = true;
  let stopped = false;
  let commands = 0;
  let enabled: boolean | undefined;
  let roundTripMs: number | undefined;
  const sayHome = (payload: object | undefined) =>
    home && client.publish(home.topic, payload ? JSON.stringify(payload) : "", { qos: 0, retain: true });
  const sayEnabled = (next: boolean) => {
    if (home && next !== enabled)
      client.publish(topic("enabled"), next ? "ON" : "OFF", { qos: 0, retain: true });
    enabled = next;
  };
  const sayFigures = () => {
    if (!online) return;
    const sentUs = clock.nowUs();
    const figures = { commandsPerS: commands / (figuresEveryUs / 1e6), roundTripMs };
    client.publish(topic("figures"), JSON.stringify(figures), { qos: 1 }, () => {
      roundTripMs = (clock.nowUs() - sentUs) / 1000;
    });
    commands = 0;
  };
  const stopFigures = home ? clock.every(figuresEveryUs, sayFigures) : () => {};
  const sayOnline = () => {
    client.publish(topic("state"), state(true), { qos: 0, retain: true });
    if (home) sayHome(home.payload);
    const was = enabled ?? false;
    enabled = undefined;
    sayEnabled(was);
  };
  sayOnline();
  client.on("close", () => {
    if (!online || stopped) return;
    online = false;
    enabled = false;
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
    if (stopped) return;
    // Home Assistant forgets what was not retained where it was restarted; its own message is retained, and may be old.
    if (home && from === homeStatus && payload.toString() === "online") return sayOnline();
    const request = requests.heard(from, payload, retain);
    if (request) context.operator(request);
  });

  return {
    write(frame, command) {
      if (stopped) return;
      sayEnabled(command.action === "move");
      commands += 1;
      if (!online) {
        dropped += 1;
        return;
      }
      latest.offer(id, stamped(boot, epochMs(), frame), command);
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      stopFigures();
      await Promise.race([latest.idle(), clock.until(clock.nowUs() + endUsMax)]);
      if (online) client.publish(topic("state"), state(false), { qos: 0, retain: true });
      if (online && given.atEnd === "remove") sayHome(undefined);
      const ended = new Promise<void>((resolve) => client.end(false, () => resolve()));
      await Promise.race([ended, clock.until(clock.nowUs() + endUsMax)]);
      client.end(true);
      await broker?.close();
    },
    counts: () => ({
      ...(dropped > 0 && { "dropped while disconnected": dropped }),
      ...requests.counts(),
      ...latest.counts(),
      ...broker?.counts(),
    }),
  };
}

export default defineActuator({
  name: "mqtt",
  about: "Publishes commands to an MQTT broker, its own or yours.",
  units,
  // Nothing moves by it when this process is gone: receivers drop what is old, and the last will says so.
  ownProcess: false,
  options,
  /** A JSON object as `openMqtt` tells it, without the boot id and the time of sending: the same command gives the same bytes. */
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

function homeOf(prefix: string, given: Options, id: string, topic: (leaf: string) => string) {
  const device = { id: topic("").slice(0, -1), name: given.name ?? id, stateTopic: topic("state") };
  return discoveryOf(prefix, device, {
    ...operatingParts({
      enable: topic("enable"),
      enabled: topic("enabled"),
      emergencyStop: topic("emergency-stop"),
    }),
    ...commandParts({ command: topic("command"), figures: topic("figures"), unit: given.unit }),
  });
}

/** Puts the boot id and the time first into the JSON object of a frame: no replay repeats these. */
function stamped(boot: string, sentMs: number, frame: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`{"boot":"${boot}","sentMs":${sentMs},`), frame.subarray(1)]);
}
