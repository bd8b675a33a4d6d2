import { EventEmitter, once } from "node:events";
import { createServer } from "node:net";
import type { IClientOptions, MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { type Broker, openBroker } from "../../drivers/mqtt/broker.ts";
import mqttDriver, { openMqtt } from "../../drivers/mqtt.ts";
import { wallClock } from "../../src/clock.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import type { Actuator } from "../../src/stage.ts";
import { actuatorContract, type HeardContext, heardContext } from "../support/driver-contract.ts";
import { joinBroker, type OtherBroker, otherBroker as openOther } from "../support/mqtt.ts";
import { move, release } from "../support/safe.ts";

/** Long enough for a message over the loopback of a busy machine. */
const arrive = () => new Promise<void>((resolve) => setTimeout(resolve, 120));

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function otherBroker(): Promise<OtherBroker> {
  const other = await openOther();
  endings.push(() => other.close());
  return other;
}

interface Opened {
  actuator: Actuator;
  broker: Broker;
  guest: MqttClient;
  heard: [topic: string, payload: string][];
}

/** The driver with its own broker on a free port, and a guest that hears all of its topics. */
async function openWithBroker(context: HeardContext, given: object = {}): Promise<Opened> {
  let broker!: Broker;
  const options = mqttDriver.options.parse({ port: 0, ...given });
  const actuator = await openMqtt(options, context, undefined, async (setup) => {
    broker = await openBroker(setup);
    return broker;
  });
  const guest = await guestOf(broker.url);
  const heard: [string, string][] = [];
  guest.on("message", (topic, payload) => heard.push([topic, payload.toString()]));
  await guest.subscribeAsync("reflexarc/#");
  return { actuator, broker, guest, heard };
}

async function guestOf(url: string): Promise<MqttClient> {
  const guest = await joinBroker(url);
  endings.push(() => guest.end(true));
  return guest;
}

function tell(actuator: Actuator, command: SafeCommand) {
  actuator.write(mqttDriver.encode(mqttDriver.options.parse({}))(command), command);
}

actuatorContract({
  definition: mqttDriver,
  options: { port: 0 },
  async open(options, context) {
    const { actuator, broker, guest, heard } = await openWithBroker(context, options);
    return {
      actuator,
      received: () => heard.filter(([topic]) => topic === "reflexarc/follow/pan/command").length,
      lose: () => void broker.close(),
      settle: arrive,
      end: async () => void guest.end(true),
    };
  },
});

describe("commands over MQTT", () => {
  it("are objects with boot, sequence, time, time-to-live, and what to do", async () => {
    const context = heardContext();
    const { actuator, heard } = await openWithBroker(context);
    tell(actuator, move(90, 5000));
    tell(actuator, release(6000));
    await expect.poll(() => heard.length).toBe(3);
    const [state, moved, released] = heard.map(([topic, payload]) => ({ topic, ...JSON.parse(payload) }));
    const boot = expect.stringMatching(/^[0-9a-f]{8}$/);
    expect(state).toEqual({ topic: "reflexarc/follow/pan/state", online: true, boot });
    expect(moved).toEqual({
      topic: "reflexarc/follow/pan/command",
      boot: state.boot,
      sentMs: expect.any(Number),
      sequence: expect.any(Number),
      atUs: 5000,
      ttlMs: 200,
      action: "move",
      value: 90,
      unit: "deg",
    });
    expect(released).toMatchObject({ boot: state.boot, atUs: 6000, action: "release" });
    await actuator.stop();
    expect(context.notices[0]).toMatch(
      /^pan: a broker in this process listens on mqtt:\/\/127\.0\.0\.1:\d+$/,
    );
  });

  it("say that they are over, by the state", async () => {
    const { actuator, broker } = await openWithBroker(heardContext());
    const guest = await guestOf(broker.url);
    const states: boolean[] = [];
    guest.on("message", (_, payload) => states.push(JSON.parse(payload.toString()).online));
    await guest.subscribeAsync("reflexarc/follow/pan/state");
    await expect.poll(() => states).toEqual([true]);
    await actuator.stop();
    await expect.poll(() => states).toEqual([true, false]);
  });
});

describe("requests over MQTT", () => {
  it("arm, disarm and stop; empty ones do not arm", async () => {
    const context = heardContext();
    const { actuator, guest } = await openWithBroker(context, { base: "reflexarc/lab", name: "arm" });
    for (const leaf of ["enable", "disable", "emergency-stop"]) {
      await guest.publishAsync(`reflexarc/lab/follow/arm/${leaf}`, "1", { qos: 1 });
      await guest.publishAsync(`reflexarc/lab/follow/arm/${leaf}`, "", { qos: 1 });
    }
    const asked = ["arm", "disarm", "disarm", "emergency-stop", "emergency-stop"];
    await expect.poll(() => context.asked).toEqual(asked);
    expect(actuator.counts!()).toMatchObject({ "empty requests ignored": 1 });
    await actuator.stop();
  });
});

describe("a broker elsewhere", () => {
  it("may speak only MQTT 3.1.1, may keep retained requests, and may go away and come back", async () => {
    const { url, hangUp } = await otherBroker();
    const guest = await guestOf(url);
    await guest.publishAsync("reflexarc/follow/pan/enable", "1", { retain: true, qos: 1 });
    const context = { ...heardContext(), clock: wallClock() } as unknown as HeardContext;
    const actuator = await openMqtt(mqttDriver.options.parse({ url }), context);
    endings.push(() => actuator.stop());
    await expect.poll(() => actuator.counts!()).toEqual({ "retained requests ignored": 1 });
    expect(context.asked).toEqual([]);

    const heard: string[] = [];
    hangUp();
    await expect.poll(() => context.connections).toEqual(["lost"]);
    for (const deg of [10, 20, 30]) tell(actuator, move(deg));
    const other = await guestOf(url);
    other.on("message", (topic) => heard.push(topic));
    await other.subscribeAsync("reflexarc/follow/pan/command");
    await expect.poll(() => context.connections, { timeout: 3000 }).toEqual(["lost", "connected"]);
    await other.publishAsync("reflexarc/follow/pan/disable", "1", { qos: 1 });
    await expect.poll(() => context.asked).toEqual(["disarm"]);
    expect(heard).toEqual([]);
    expect(actuator.counts!()).toMatchObject({ "dropped while disconnected": 3 });
  });

  it("that is not there is an error within a second", async () => {
    const { url, server } = await otherBroker();
    server.close();
    const startedMs = performance.now();
    const options = mqttDriver.options.parse({ url });
    const error = await openMqtt(options, heardContext()).catch((e) => e);
    expect(error.message).toMatch(
      /^\[pan\] no broker answers: ECONNREFUSED \(mqtt:\/\/127\.0\.0\.1:\d+\)\. Start it/,
    );
    expect(error.exitCode).toBe(5);
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });

  it("that hangs up, or is no broker, is an error that says so", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    endings.push(() => server.close());
    const url = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
    await expect(openMqtt(mqttDriver.options.parse({ url }), heardContext())).rejects.toThrow(
      /no connection to the broker: .*Check that an MQTT broker listens there/,
    );
  });

  it.each(["http://localhost", "localhost:1883", "file:///etc/passwd"])("is not at %s", (url) => {
    expect(() => mqttDriver.options.parse({ url })).toThrow(/must be a URL that begins with mqtt/);
  });
});

describe("MQTT 5", () => {
  /** A client that connects, or is refused with a CONNACK code, and remembers what it was told to publish. */
  function fakeClient(options: IClientOptions, refusal?: number) {
    const published: { topic: string; options: object; done: (() => void) | undefined }[] = [];
    const client = Object.assign(new EventEmitter(), {
      options,
      published,
      publish: (topic: string, _payload: unknown, options: object, done?: () => void) =>
        published.push({ topic, options, done }),
      subscribeAsync: async (topics: string[]) => topics.map((topic) => ({ topic, qos: 1 })),
      end: (_force: boolean, done?: () => void) => done?.(),
    });
    setImmediate(() => {
      if (refusal === undefined) client.emit("connect");
      else client.emit("error", Object.assign(new Error("refused"), { code: refusal }));
    });
    return client;
  }

  it("comes first, with an expiry on each command and one command at a time", async () => {
    let client!: ReturnType<typeof fakeClient>;
    const options = mqttDriver.options.parse({ url: "mqtt://broker", ttlMs: 1500 });
    const actuator = await openMqtt(options, heardContext(), async (_url, given) => {
      client = fakeClient(given);
      return client as unknown as MqttClient;
    });
    expect(client.options).toMatchObject({
      protocolVersion: 5,
      queueQoSZero: false,
      keepalive: 2,
      clean: true,
    });
    for (const deg of [10, 20, 30]) tell(actuator, move(deg));
    const commands = () => client.published.filter(({ topic }) => topic === "reflexarc/follow/pan/command");
    expect(commands()).toHaveLength(1);
    expect(commands()[0]!.options).toEqual({ qos: 0, properties: { messageExpiryInterval: 2 } });
    commands()[0]!.done!();
    expect(commands()).toHaveLength(2);
    commands()[1]!.done!();
    expect(actuator.counts!()).toEqual({ "replaced by a newer one": 1 });
    await actuator.stop();
  });

  it("gives way to 3.1.1 when it is refused, but not when the password is", async () => {
    const options = mqttDriver.options.parse({ url: "mqtt://broker" });
    const tried: (number | undefined)[] = [];
    const refusing = (refusals: (number | undefined)[]) => async (_url: string, given: IClientOptions) => {
      tried.push(given.protocolVersion);
      return fakeClient(given, refusals.shift()) as unknown as MqttClient;
    };
    await (await openMqtt(options, heardContext(), refusing([132, undefined]))).stop();
    expect(tried.splice(0)).toEqual([5, 4]);
    await expect(openMqtt(options, heardContext(), refusing([134]))).rejects.toThrow(
      /refuses the user or password \(mqtt:\/\/broker\)\. Set REFLEXARC_MQTT_USER/,
    );
    expect(tried).toEqual([5]);
  });
});
