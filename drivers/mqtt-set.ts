/** A value that somebody sets over MQTT: a slider of Home Assistant, or a stream of commands from elsewhere. */

import { randomBytes } from "node:crypto";
import type { MqttClient } from "mqtt";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { channels } from "../src/events/geometry.ts";
import { Samples } from "../src/events/samples.ts";
import type { Limits } from "../src/safety/limits.ts";
import { defineSensor, type Sensor, type SensorContext, type Stale } from "../src/stage.ts";
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
import { freshCommands } from "./mqtt/fresh.ts";
import { birthTopic, discoveryOf, noHomeHere, operatingParts, settingParts } from "./mqtt/home-assistant.ts";
import { anyBrokerShape, baseShape, discoveryShape } from "./mqtt/options.ts";
import { operatorRequests } from "./mqtt/requests.ts";

const options = z.strictObject({
  of: z.string().min(1).max(64).describe("id of the actuator in this document that is set"),
  ...anyBrokerShape,
  ...baseShape,
  ageMsMax: z
    .int()
    .min(10)
    .max(60_000)
    .default(1000)
    .describe("age at which a command that says when it was sent, but no ttlMs, is dropped, milliseconds"),
  ...discoveryShape("the value"),
});

type Options = z.output<typeof options>;

/** What is set is given again so often, and at once when it has changed. */
const tickUs = 5000;
const endMsMax = 500;

/**
 * Hears `<base>/<pipeline>/<of>/set`: a number, or an object as `mqtt/fresh.ts` tells it. What is set stays until the next
 * one, or for its `ttlMs`; an empty message takes it back. Only the newest one that waits is kept. When the connection is
 * lost nothing is set any more, and what this feeds goes to its failsafe. `set/state` and `setpoint` are retained.
 * Where the actuator has no topics of its own, `enable`, `disable` and `emergency-stop` are heard for it, and `enabled` is told.
 */
export async function openMqttSet(
  given: Options,
  context: SensorContext,
  connect: ConnectMqtt = connectMqtt,
  startBroker = joinBroker,
  epochMs: () => number = Date.now,
): Promise<Sensor<"samples">> {
  const { id, pipeline, clock, signal, actuator } = context;
  if (!actuator) throw noActuator(id, given.of);
  if (given.discovery && !given.url) throw noHomeHere(id);
  const { limits } = actuator;
  const topic = (leaf: string) => `${given.base}/${pipeline}/${given.of}/${leaf}`;
  const requests = actuator.use === "mqtt" ? undefined : operatorRequests(topic);
  const listened = [topic("set"), ...(requests?.topics ?? [])];
  const boot = randomBytes(4).toString("hex");
  const state = (online: boolean) => JSON.stringify({ online, boot });
  const retained = { qos: 0, retain: true } as const;
  const will = { topic: topic("set/state"), payload: Buffer.from(state(false)), ...retained };
  const home = given.discovery && homeOf(given.discovery, given.of, limits, topic, requests !== undefined);
  const homeStatus = birthTopic(given.discovery ?? "");
  const broker = given.url
    ? undefined
    : await startBroker({ port: given.port, base: given.base, guestTopics: listened, room: id });
  const url = given.url ?? broker!.url;

  let client: MqttClient;
  try {
    const own = broker ? { username: broker.username, password: broker.password } : loginOf(given, context);
    const clientId = `${broker ? ownerIdPrefix : "set-"}${boot}`;
    client = await connectAny(
      url,
      { ...steadyOptions(clientId, will), ...own },
      connect,
      broker ? [4] : [5, 4],
    );
    await listenTo(client, [...listened, ...(home ? [homeStatus] : [])]);
  } catch (cause) {
    await broker?.close();
    throw connectingError(id, url, cause as Error);
  }
  if (broker) context.notice(`${id}: a broker in this process listens on ${broker.url}`);

  const fresh = freshCommands({ unit: limits.unit, ageMsMax: given.ageMsMax, epochMs });
  let set: { value: number; untilUs: number } | undefined;
  let waiting = false;
  let replaced = 0;
  let messages = 0;
  let losses = 0;
  let gone: Stale | undefined;
  let wake = () => {};
  let enabled: boolean | undefined;
  const say = (leaf: string, payload: string) => client.publish(topic(leaf), payload, retained);
  const saySetpoint = () => say("setpoint", set ? `${set.value}` : "None");
  const sayEnabled = () => {
    const next = actuator.state() === "armed";
    if (!requests || next === enabled || gone) return;
    enabled = next;
    say("enabled", next ? "ON" : "OFF");
  };
  const sayOnline = () => {
    say("set/state", state(true));
    if (home) client.publish(home.topic, JSON.stringify(home.payload), retained);
    saySetpoint();
    enabled = undefined;
    sayEnabled();
  };
  sayOnline();

  client.on("message", (from, payload, packet) => {
    if (home && from === homeStatus && payload.toString() === "online") return sayOnline();
    const request = requests?.heard(from, payload, packet.retain);
    if (request) return actuator.operator(request);
    if (from !== topic("set")) return;
    messages += 1;
    const asked = fresh.take(payload, {
      retain: packet.retain,
      expiryS: packet.properties?.messageExpiryInterval,
    });
    if (!asked) return;
    if (waiting) replaced += 1;
    waiting = true;
    const { ttlMs } = asked.action === "move" ? asked : { ttlMs: undefined };
    const untilUs = ttlMs === undefined ? Number.POSITIVE_INFINITY : clock.nowUs() + 1000 * ttlMs;
    set = asked.action === "move" ? { value: asked.value, untilUs } : undefined;
    saySetpoint();
    wake();
  });
  client.on("close", () => {
    if (signal.aborted || gone) return;
    gone = { why: "the connection to the broker closed", lost: true };
    losses += 1;
    set = undefined;
    waiting = false;
    wake();
  });
  client.on("connect", () => {
    gone = undefined;
    sayOnline();
  });
  const leave = async () => {
    wake();
    if (!gone) {
      if (home && given.atEnd === "remove") client.publish(home.topic, "", retained);
      say("set/state", state(false));
    }
    // What was published goes out first; a broker that takes nothing holds nobody up.
    const late = clock.at(clock.nowUs() + 1000 * endMsMax, () => client.end(true));
    client.end(false, () => {
      late();
      void broker?.close();
    });
  };
  signal.addEventListener("abort", () => void leave(), { once: true });
  if (signal.aborted) await leave();

  const geometry = channels([{ name: "value", unit: limits.unit }]);
  async function* packets() {
    const out = new Samples(geometry, 1);
    for (let reachedUs = clock.nowUs(); !signal.aborted; reachedUs = out.toUs) {
      if (!waiting) {
        const waking = new AbortController();
        wake = () => waking.abort();
        await clock.until(reachedUs + tickUs, waking.signal);
        wake = () => {};
      }
      waiting = false;
      out.begin(reachedUs, Math.max(reachedUs + 1, clock.nowUs()));
      if (set && out.toUs > set.untilUs) {
        set = undefined;
        if (!gone) saySetpoint();
      }
      if (set) {
        out.times[0] = out.toUs - 1;
        out.columns[0]![0] = set.value;
        out.count = 1;
      }
      sayEnabled();
      yield out;
    }
  }
  return {
    geometry,
    packets: packets(),
    stale: () => gone,
    counts: () => ({
      messages,
      ...fresh.counts(),
      ...requests?.counts(),
      ...(replaced > 0 && { "replaced by a newer one": replaced }),
      ...(losses > 0 && { "connections lost": losses }),
      ...broker?.counts(),
    }),
  };
}

export default defineSensor({
  name: "mqtt-set",
  about: "A value that somebody sets over MQTT, as samples for setpoint.",
  gives: "samples",
  live: true,
  options,
  sets: ({ of }) => of,
  open: (given, context) => openMqttSet(given, context),
});

function homeOf(
  prefix: string,
  of: string,
  { min, max, unit }: Limits,
  topic: (leaf: string) => string,
  operates: boolean,
) {
  const device = { id: topic("").slice(0, -1), name: of, part: "set", stateTopic: topic("set/state") };
  const step = unit === "switch" || unit === "pulseUs" ? 1 : Math.max(1e-3, (max - min) / 1000);
  const value = { set: topic("set"), setpoint: topic("setpoint"), min, max, step, unit };
  return discoveryOf(prefix, device, {
    ...settingParts(value),
    ...(operates &&
      operatingParts({
        enable: topic("enable"),
        enabled: topic("enabled"),
        emergencyStop: topic("emergency-stop"),
      })),
  });
}

function noActuator(room: string, of: string): ReflexarcError {
  const what = `there is no actuator "${of}" to set`;
  const remedy = "Name an actuator of the same document with `of`.";
  return new ReflexarcError({ kind: "usage", room, what, remedy });
}
