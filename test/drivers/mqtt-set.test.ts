/** A value that is set over MQTT: what counts, how long, what Home Assistant is told, and that the guard has the last word. */

import { afterEach, expect, test } from "vitest";
import { openBroker } from "../../drivers/mqtt/broker.ts";
import mqttSet, { openMqttSet } from "../../drivers/mqtt-set.ts";
import type { OperatorRequest } from "../../src/safety/command.ts";
import type { GuardState } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { anyOptions } from "../../src/stage.ts";
import { discoveryTopic, homeAssistantDevice } from "../support/home-assistant.ts";
import { collectSamples, liveContext, pass, samplesOfAll } from "../support/live.ts";
import { joinBroker, otherBroker } from "../support/mqtt.ts";
import { catalogWith, runText } from "../support/world.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const limits = limitsOf({ minDeg: 20, maxDeg: 160, slewDegPerS: 300 }, "pan");

interface Retained {
  readonly retain: boolean;
  readonly payload: string;
}

/** The sensor at a broker where all is allowed, for the servo `pan`, and a guest that hears everything. */
async function open(more: object = {}, use = "serial-line") {
  const other = await otherBroker();
  endings.push(() => other.close());
  const context = liveContext("hand");
  const asked: OperatorRequest[] = [];
  const guard = { state: undefined as GuardState | undefined };
  const actuator = {
    use,
    limits,
    operator: (request: OperatorRequest) => asked.push(request),
    state: () => guard.state,
  };
  const options = mqttSet.options.parse({ of: "pan", url: other.url, ...more });
  const sensor = await openMqttSet(options, { ...context, actuator }, undefined, undefined, () => 5000);
  const guest = await joinBroker(other.url);
  endings.push(() => guest.end(true));
  const heard = new Map<string, Retained>();
  guest.on("message", (topic, payload, { retain }) =>
    heard.set(topic, { retain, payload: payload.toString() }),
  );
  await guest.subscribeAsync("#", { qos: 1 });
  const { batches, ended } = collectSamples(sensor.packets);
  const leave = async () => {
    context.ending.abort();
    await ended;
  };
  endings.push(leave);
  const set = (payload: string | object, how: object = {}) =>
    guest.publishAsync(
      "reflexarc/follow/pan/set",
      typeof payload === "string" ? payload : JSON.stringify(payload),
      { qos: 1, ...how },
    );
  /** What is given from now on, for 20 ms of the run's time; at every tick once the message is in. */
  const given = async () => {
    const before = batches.length;
    await pass(context.clock, 20_000, 1000);
    return samplesOfAll(batches.slice(before)).map(([, value]) => value);
  };
  return { other, context, sensor, guest, heard, set, given, asked, guard, leave };
}

/** Waits, in real time, until a message was counted. */
const arrived = (sensor: { counts?(): Readonly<Record<string, number>> }, messages: number) =>
  expect.poll(() => sensor.counts!().messages).toBe(messages);

test("says what it is, and what each option means", () => {
  expect(mqttSet).toMatchObject({ name: "mqtt-set", gives: "samples", live: true });
  for (const option of Object.values(mqttSet.options.shape)) expect(option.description).toMatch(/\w/);
  expect(() => mqttSet.options.parse({ of: "pan", misspelt: 1 })).toThrow(/misspelt/);
});

test("what is set is given at every tick, until something else is set or it is taken back", async () => {
  const { sensor, set, given, heard } = await open();
  expect(await given()).toEqual([]);
  await set("90");
  await arrived(sensor, 1);
  expect(new Set(await given())).toEqual(new Set([90]));
  expect((await given()).length).toBeGreaterThanOrEqual(4);
  await set({ value: 45, boot: "a", sequence: 1 });
  await arrived(sensor, 2);
  expect(new Set(await given())).toEqual(new Set([45]));
  await set({ value: 50, boot: "a", sequence: 1 });
  await set({ value: 50, sentMs: 3000 });
  await arrived(sensor, 4);
  await expect.poll(() => heard.get("reflexarc/follow/pan/setpoint")?.payload).toBe("45");
  expect(new Set(await given())).toEqual(new Set([45]));
  await set("None");
  await arrived(sensor, 5);
  await given();
  expect(await given()).toEqual([]);
  expect(sensor.counts!()).toMatchObject({
    "commands out of order, dropped": 1,
    "stale commands dropped": 1,
  });
});

test("a retained command is ignored: it is of another time", async () => {
  const other = await otherBroker();
  endings.push(() => other.close());
  const guest = await joinBroker(other.url);
  endings.push(() => guest.end(true));
  await guest.publishAsync("reflexarc/follow/pan/set", "90", { retain: true, qos: 1 });
  const context = liveContext("hand");
  const actuator = { use: "dry-run", limits, operator() {}, state: () => undefined };
  const options = mqttSet.options.parse({ of: "pan", url: other.url });
  const sensor = await openMqttSet(options, { ...context, actuator });
  const { batches, ended } = collectSamples(sensor.packets);
  await expect.poll(() => sensor.counts!()).toEqual({ messages: 1, "retained commands ignored": 1 });
  await pass(context.clock, 20_000, 1000);
  expect(samplesOfAll(batches)).toEqual([]);
  context.ending.abort();
  await ended;
});

test("a command with a ttlMs counts that long", async () => {
  const { sensor, set, given } = await open();
  await set({ value: 70, ttlMs: 30 });
  await arrived(sensor, 1);
  expect(await given()).toContain(70);
  await given();
  expect(await given()).toEqual([]);
});

test("of commands that come faster than the run takes them, the newest is kept", async () => {
  const { sensor, set, context } = await open();
  for (const deg of [30, 40, 50, 60]) await set(`${deg}`);
  await arrived(sensor, 4);
  await pass(context.clock, 6000, 1000);
  const { "replaced by a newer one": replaced = 0 } = sensor.counts!();
  expect(replaced).toBeLessThanOrEqual(3);
});

test("a lost connection takes back what was set, and is told; after it nothing is set by itself", async () => {
  const { sensor, set, given, other, heard } = await open();
  await set("90");
  await arrived(sensor, 1);
  expect(await given()).toContain(90);
  other.hangUp();
  await expect.poll(() => sensor.stale!()).toMatchObject({ lost: true });
  await given();
  expect(await given()).toEqual([]);
  heard.clear();
  await expect.poll(() => sensor.stale!(), { timeout: 5000 }).toBeUndefined();
  expect(await given()).toEqual([]);
  expect(sensor.counts!()).toMatchObject({ "connections lost": 1 });
});

test("operators arm, disarm and stop a servo that has no topics of its own, and see whether it is enabled", async () => {
  const { guest, asked, guard, heard, given } = await open();
  const tell = (leaf: string, payload: string) =>
    guest.publishAsync(`reflexarc/follow/pan/${leaf}`, payload, { qos: 1 });
  for (const payload of ["ON", "OFF", ""]) await tell("enable", payload);
  await tell("disable", "1");
  await tell("emergency-stop", "PRESS");
  await expect.poll(() => asked).toEqual(["arm", "disarm", "disarm", "emergency-stop"]);
  await expect.poll(() => heard.get("reflexarc/follow/pan/enabled")?.payload).toBe("OFF");
  guard.state = "armed";
  await given();
  await expect.poll(() => heard.get("reflexarc/follow/pan/enabled")?.payload).toBe("ON");
});

test("an mqtt actuator hears its operators itself", async () => {
  const { guest, asked, sensor, set } = await open({}, "mqtt");
  await guest.publishAsync("reflexarc/follow/pan/enable", "ON", { qos: 1 });
  await set("90");
  await arrived(sensor, 1);
  expect(asked).toEqual([]);
});

test("Home Assistant is told of a number, again when it comes online, and it is removed at the end", async () => {
  const { heard, guest, leave } = await open({ discovery: "homeassistant", atEnd: "remove" });
  const config = "homeassistant/device/reflexarc-follow-pan-set/config";
  expect(config).toMatch(discoveryTopic);
  await expect.poll(() => heard.get(config)).toBeDefined();
  const { components } = homeAssistantDevice.parse(JSON.parse(heard.get(config)!.payload));
  expect(components.set).toMatchObject({ platform: "number", min: 20, max: 160, unit_of_measurement: "deg" });
  expect(Object.values(components).map(({ platform }) => platform)).toEqual(["number", "switch", "button"]);
  heard.clear();
  await guest.publishAsync("homeassistant/status", "online", { qos: 1 });
  await expect.poll(() => heard.get(config)?.payload).toMatch(/"number"/);
  await leave();
  await expect.poll(() => heard.get(config)?.payload).toBe("");
  await expect.poll(() => heard.get("reflexarc/follow/pan/set/state")?.payload).toMatch(/"online":false/);
});

test("an actuator that the document doesn't have is refused, by check and by the library", async () => {
  const document = `
stages:
  - { id: hand, use: mqtt-set, of: pen }
  - { id: go, use: setpoint }
  - { id: pan, use: dry-run, limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300 } }`;
  await expect(runText(document)).rejects.toThrow(
    /"hand" sets "pen", which is no actuator here \(document:3\)\. Did you mean "pan"/,
  );
  const options = mqttSet.options.parse({ of: "pan" });
  await expect(openMqttSet(options, liveContext())).rejects.toThrow(/no actuator "pan" to set/);
});

test("what is set goes through the guard: its limits, its slew, and its failsafe when the broker is gone", async () => {
  const broker = await openBroker({ port: 0, base: "reflexarc", guestTopics: [], room: "hand" });
  const context = liveContext();
  const definition = {
    ...anyOptions(mqttSet),
    open: (options: never, given: never) =>
      openMqttSet(options, given, undefined, async (setup) => {
        broker.allow(setup.guestTopics);
        return broker;
      }),
  };
  const ran = runText(
    `
name: desk
stages:
  - { id: hand, use: mqtt-set, of: pan }
  - { id: go, use: setpoint }
  - { id: pan, use: dry-run, limits: { minDeg: 20, maxDeg: 160, homeDeg: 90, slewDegPerS: 300 } }`,
    { catalog: catalogWith(definition), clock: context.clock, signal: context.ending.signal, detail: "list" },
  );
  const guest = await joinBroker(broker.url);
  let setpoint = "";
  guest.on("message", (_topic, payload) => {
    setpoint = payload.toString();
  });
  await guest.subscribeAsync("reflexarc/desk/pan/setpoint");
  await expect.poll(() => setpoint).toBe("None");
  await guest.publishAsync("reflexarc/desk/pan/set", "500", { qos: 1 });
  await expect.poll(() => setpoint).toBe("500");
  await pass(context.clock, 1_500_000, 1000);
  await broker.close();
  await pass(context.clock, 500_000, 1000);
  context.ending.abort();
  const { summary, trace } = await ran;
  guest.end(true);
  const moves = trace.flatMap((line) => {
    const { safe, value } = JSON.parse(line) as { safe?: string; value?: number };
    return safe === "move" ? [value!] : [];
  });
  expect(moves[0]).toBe(90);
  expect(Math.max(...moves)).toBe(160);
  for (const [i, value] of moves.entries())
    if (i > 0) expect(Math.abs(value - moves[i - 1]!)).toBeLessThanOrEqual(6.0001);
  expect(trace.join("\n")).toMatch(/"guard":"disarmed","cause":"(stall|watchdog)"/);
  expect(summary.errors).toMatchObject([{ detail: { kind: "device", room: "hand" } }]);
});
