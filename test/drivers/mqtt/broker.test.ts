import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, openBroker } from "../../../drivers/mqtt/broker.ts";
import { joinBroker, next } from "../../support/mqtt.ts";

let broker: Broker;
const clients: MqttClient[] = [];

beforeEach(async () => {
  broker = await openBroker({
    port: 0,
    base: "reflexarc",
    guestTopics: ["reflexarc/follow/pan/enable"],
    room: "pan",
  });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  await broker.close();
});

async function join(options: IClientOptions = {}): Promise<MqttClient> {
  const client = await joinBroker(broker.url, options);
  clients.push(client);
  return client;
}

const owner = () => join({ username: broker.username, password: broker.password });

/** Publishes as a guest and tells whether the broker hung up. */
async function publishAsGuest(topic: string, options: { retain?: boolean } = {}): Promise<"kept" | "cut"> {
  const guest = await join();
  guest.publish(topic, "1", { qos: 0, ...options });
  return Promise.race([
    next(guest, "close").then(() => "cut" as const),
    guest.subscribeAsync("reflexarc/ping").then(
      () => "kept" as const,
      () => "cut" as const,
    ),
  ]);
}

describe("the broker in the process", () => {
  it("listens on the loopback only", () => {
    expect(broker.url).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/);
  });

  it("carries the owner's messages to guests, retained ones too", async () => {
    const sender = await owner();
    await sender.publishAsync("reflexarc/follow/pan/state", "on", { retain: true, qos: 1 });
    const guest = await join();
    const message = next(guest, "message");
    await guest.subscribeAsync("reflexarc/#");
    const [topic, payload] = (await message) as [string, Buffer];
    expect([topic, payload.toString()]).toEqual(["reflexarc/follow/pan/state", "on"]);
  });

  it("lets guests press the buttons and nothing else", async () => {
    expect(await publishAsGuest("reflexarc/follow/pan/enable")).toBe("kept");
    expect(await publishAsGuest("reflexarc/follow/pan/enable", { retain: true })).toBe("cut");
    expect(await publishAsGuest("reflexarc/follow/pan/command")).toBe("cut");
    expect(await publishAsGuest("reflexarc/follow/pan/set")).toBe("cut");
    expect(await publishAsGuest("elsewhere")).toBe("cut");
    expect(await publishAsGuest("$SYS/heartbeat")).toBe("cut");
    expect(broker.counts()).toMatchObject({ "retained messages refused": 1, "topics refused": 4 });
  });

  it("does not let the owner leave its base", async () => {
    const sender = await owner();
    sender.publish("elsewhere", "1");
    await next(sender, "close");
    expect(broker.counts()).toMatchObject({ "topics refused": 1 });
  });

  it("takes no guest with a password, a will or the owner's client id", async () => {
    const will = { topic: "reflexarc/follow/pan/enable", payload: Buffer.from("1") };
    await expect(join({ username: "reflexarc", password: "guess" })).rejects.toThrow();
    await expect(join({ username: "someone" })).rejects.toThrow();
    await expect(join({ will })).rejects.toThrow();
    await expect(join({ clientId: "reflexarc-00000000" })).rejects.toThrow();
    expect(broker.counts()).toMatchObject({
      "passwords refused": 2,
      "wills refused": 1,
      "takeovers refused": 1,
    });
  });

  it("keeps no session and bounds subscriptions", async () => {
    const guest = mqtt.connect(broker.url, { clean: false, clientId: "guest", reconnectPeriod: 0 });
    clients.push(guest);
    expect(await next(guest, "connect")).toMatchObject([{ sessionPresent: false }]);
    const many = Array.from({ length: 40 }, (_, i) => `reflexarc/${i}`);
    await expect(guest.subscribeAsync(many)).rejects.toThrow();
    await expect(guest.subscribeAsync("$SYS/#")).rejects.toThrow();
    expect(broker.counts()["subscriptions refused"]).toBe(9);
  });

  it("cuts off who claims a giant packet, before it is sent", async () => {
    const before = process.memoryUsage().rss;
    const closed = Array.from({ length: 5 }, async () => {
      const socket = connectTcp(broker.port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f));
      socket.write(new Uint8Array(1 << 20));
      await new Promise((resolve) => socket.once("close", resolve));
    });
    await Promise.all(closed);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
    expect(broker.counts()["packets too large or out of place"]).toBe(5);
    expect((await join()).connected).toBe(true);
  });

  it("cuts off a flood of packets, and serves the others on", async () => {
    const guest = await join();
    const cut = next(guest, "close");
    const pings = new Uint8Array(2 * 20_000);
    for (let i = 0; i < pings.length; i += 2) pings[i] = 0xc0;
    guest.stream.write(pings);
    await cut;
    expect(broker.counts()["clients cut off as too fast"]).toBe(1);
    expect((await join()).connected).toBe(true);
  });

  it("says how to go on when its port is taken", async () => {
    const again = openBroker({ port: broker.port, base: "reflexarc", guestTopics: [], room: "tilt" });
    await expect(again).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringMatching(
        /^\[tilt\] the broker can't listen: EADDRINUSE .* \(0 takes any free one\)\.$/,
      ),
    });
  });
});
