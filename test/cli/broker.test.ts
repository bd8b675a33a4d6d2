/** The broker alone: who is let in, what each may do, and the file that says so. */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IClientOptions, MqttClient } from "mqtt";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MqttServer, serveMqtt } from "../../drivers/mqtt/server.ts";
import { doorOf, localDoor, readUsers } from "../../drivers/mqtt/users.ts";
import { addUser, type BrokerOptions, setupOf } from "../../src/cli/broker.ts";
import { cli } from "../support/cli.ts";
import { joinBroker, next } from "../support/mqtt.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "reflexarc-"));
  endings.push(() => rmSync(made, { recursive: true }));
  return made;
}

const plain: BrokerOptions = { host: "127.0.0.1", publish: [], subscribe: [] };

/** Two users: ann sets the servo and hears all of the pipeline, ben only hears whether it is online. */
let users: string;
beforeAll(async () => {
  const made = mkdtempSync(join(tmpdir(), "reflexarc-"));
  const file = join(made, "users.yaml");
  writeFileSync(file, "# Who may steer.\nusers:\n  {}\n");
  const pipeline = "reflexarc/follow";
  await addUser(
    { users: file, publish: [`${pipeline}/+/set`, "ann/#"], subscribe: [`${pipeline}/#`] },
    "ann",
    "right horse",
  );
  await addUser({ users: file, publish: [], subscribe: [`${pipeline}/pan/state`] }, "ben", "other horse");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  users = readFileSync(file, "utf8");
  rmSync(made, { recursive: true });
});

async function serve(door = doorOf(readUsers(users, "users"))): Promise<MqttServer> {
  const server = await serveMqtt({ host: "127.0.0.1", port: 0, door, room: "broker", remedy: "None." });
  endings.push(() => server.close());
  return server;
}

async function joined(server: MqttServer, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await joinBroker(server.url, options);
  endings.push(() => client.end(true));
  return client;
}

const ann = { username: "ann", password: "right horse" };
const ben = { username: "ben", password: "other horse" };

/** Whether the broker keeps a client that publishes this. */
async function publishes(client: MqttClient, topic: string, more: object = {}): Promise<"kept" | "cut"> {
  client.publish(topic, "1", { qos: 0, ...more });
  const answered = client.publishAsync(topic, "1", { qos: 1, ...more }).then(
    () => "kept" as const,
    () => "cut" as const,
  );
  return Promise.race([answered, next(client, "close").then(() => "cut" as const)]);
}

describe("with a file of users", () => {
  test("the right password opens, and nothing else does", async () => {
    const server = await serve();
    expect((await joined(server, ann)).connected).toBe(true);
    for (const wrong of [
      {},
      { username: "ann" },
      { username: "ann", password: "wrong" },
      { username: "ann", password: "other horse" },
      { username: "nobody", password: "right horse" },
      { username: "__proto__", password: "right horse" },
      { username: "", password: "" },
    ])
      await expect(joined(server, wrong)).rejects.toThrow();
    expect(server.counts()).toMatchObject({ "anonymous clients refused": 1, "passwords refused": 6 });
  });

  test("each publishes and hears what the file names, whatever the filter", async () => {
    const server = await serve();
    const steering = await joined(server, ann);
    const hearing = await joined(server, ben);
    for (const filter of [
      "#",
      "reflexarc/#",
      "reflexarc/follow/+/state",
      "reflexarc/follow/pan/set",
      "$SYS/#",
    ])
      await expect(hearing.subscribeAsync(filter)).rejects.toThrow();
    await hearing.subscribeAsync("reflexarc/follow/pan/state");
    await steering.subscribeAsync("reflexarc/follow/#");
    const heard = next(steering, "message");
    expect(await publishes(steering, "reflexarc/follow/pan/set")).toBe("kept");
    expect((await heard)[0]).toBe("reflexarc/follow/pan/set");
    expect(await publishes(steering, "reflexarc/follow/pan/state")).toBe("cut");
    expect(await publishes(hearing, "reflexarc/follow/pan/state")).toBe("cut");
  });

  test("a command is never kept for later, but another message may be", async () => {
    const server = await serve();
    expect(await publishes(await joined(server, ann), "ann/note", { retain: true })).toBe("kept");
    expect(await publishes(await joined(server, ann), "reflexarc/follow/pan/set", { retain: true })).toBe(
      "cut",
    );
    expect(server.counts()).toMatchObject({ "retained commands refused": 1 });
  });

  test("a will is held to the same rules, at the door", async () => {
    const server = await serve();
    const will = (topic: string, retain = false) => ({
      will: { topic, payload: Buffer.from("gone"), retain, qos: 0 as const },
    });
    await expect(joined(server, { ...ben, ...will("reflexarc/follow/pan/set") })).rejects.toThrow();
    await expect(joined(server, { ...ann, ...will("reflexarc/follow/pan/enable") })).rejects.toThrow();
    await expect(joined(server, { ...ann, ...will("reflexarc/follow/pan/set", true) })).rejects.toThrow();
    expect(server.counts()).toMatchObject({ "wills refused": 3 });
    const listener = await joined(server, ann);
    await listener.subscribeAsync("reflexarc/follow/#");
    const heard = next(listener, "message");
    const dying = await joined(server, { ...ann, ...will("reflexarc/follow/pan/set") });
    dying.stream.destroy();
    expect(String((await heard)[1])).toBe("gone");
  });

  test("nobody takes over another's client id, but one's own", async () => {
    const server = await serve();
    const first = await joined(server, { ...ann, clientId: "pult" });
    await expect(joined(server, { ...ben, clientId: "pult" })).rejects.toThrow();
    expect(first.connected).toBe(true);
    const closed = next(first, "close");
    await joined(server, { ...ann, clientId: "pult" });
    await closed;
    expect(server.counts()).toMatchObject({ "takeovers refused": 1 });
  });
});

test("on the loopback, without a file, anybody here may do all but leave commands behind", async () => {
  const server = await serve(localDoor);
  await expect(joined(server, ann)).rejects.toThrow();
  expect(await publishes(await joined(server), "any/topic", { retain: true })).toBe("kept");
  expect(await publishes(await joined(server), "reflexarc/follow/pan/set")).toBe("kept");
  expect(await publishes(await joined(server), "reflexarc/follow/pan/enable", { retain: true })).toBe("cut");
});

/** CONNECT of MQTT 3.1.1 (section 3.1) with an empty client id. */
const emptyId = (flags: number) =>
  Uint8Array.of(0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, 0, 60, 0, 0);

test("an empty client id is taken with a clean session, and refused with code 2 without one", async () => {
  const server = await serve(localDoor);
  const answer = async (flags: number) => {
    const socket = connectTcp(server.port, "127.0.0.1");
    endings.push(() => socket.destroy());
    socket.write(emptyId(flags));
    const [bytes] = (await once(socket, "data")) as [Buffer];
    return [...bytes.subarray(0, 4)];
  };
  expect(await answer(0x02)).toEqual([0x20, 2, 0, 0]);
  expect(await answer(0x00)).toEqual([0x20, 2, 0, 2]);
});

describe("is refused before anything listens", () => {
  test.each<[string, Partial<BrokerOptions>, RegExp]>([
    ["strangers without a password", { host: "0.0.0.0" }, /anonymous clients are refused.*--add NAME/],
    ["strangers by IPv6", { host: "::" }, /anonymous clients are refused/],
    ["half of TLS", { cert: "a.pem" }, /needs a certificate and its key/],
    ["a port that is none", { port: "99999" }, /is no TCP port/],
    ["a file that is not there", { users: "/nowhere/users" }, /there is no such file/],
  ])("%s", (_what, more, message) => {
    expect(() => setupOf({ ...plain, ...more })).toThrow(message);
  });

  test("who else stays on this machine is none of these", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
      expect(setupOf({ ...plain, host })).toMatchObject({ host, port: 1883, door: localDoor });
  });
});

describe("the file of users", () => {
  test("keeps its comments and other users, and holds no password", () => {
    expect(users).toMatch(/^# Who may steer\.\n/);
    expect(users).not.toMatch(/horse/);
    expect(Object.keys(readUsers(users, "users"))).toEqual(["ann", "ben"]);
  });

  test.each([
    ["no users", "user: {}", /users/],
    ["a password that is no hash", "users:\n  ann: { password: secret }", /must be a hash.*\(users:2\)/],
    ["a right that there is not", "users:\n  ann: { password: x, admin: true }", /users\.ann/],
    ["a filter that is none", fileWith(["a/#/b"]), /must be a topic filter/],
    ["no YAML", "users: [", /not valid YAML/],
  ])("with %s is refused, with its line", (_what, text, message) => {
    expect(() => readUsers(text, "users")).toThrow(message);
  });

  test("takes a new user, or a new password, but no short one", async () => {
    const file = join(folder(), "users");
    await addUser({ users: file, publish: [], subscribe: ["#"] }, "ann", "first password");
    const first = readUsers(readFileSync(file, "utf8"), file);
    await addUser({ users: file, publish: ["a"], subscribe: [] }, "ann", "second password");
    const second = readUsers(readFileSync(file, "utf8"), file);
    expect(second.ann).toMatchObject({ publish: ["a"], subscribe: [] });
    expect(second.ann!.password).not.toBe(first.ann!.password);
    await expect(addUser({ users: file, publish: [], subscribe: [] }, "ben", "short")).rejects.toThrow(
      /less than 8/,
    );
    await expect(addUser({ publish: [], subscribe: [] }, "ben", "long enough")).rejects.toThrow(/--users/);
    await expect(
      addUser({ users: file, publish: [], subscribe: [] }, "a/b", "long enough"),
    ).rejects.toThrow();
  });
});

function fileWith(publish: string[]): string {
  const password = `scrypt$16384$${"a".repeat(22)}$${"b".repeat(43)}`;
  return JSON.stringify({ users: { ann: { password, publish } } });
}

test("as a verb it says where it listens, serves, and ends with what it refused", async () => {
  let url = "";
  const ended = cli(["broker", "--port", "0", "--json"], {
    onNotice(text, kill) {
      url ||= /a broker listens on (mqtt:\S+);/.exec(text)?.[1] ?? "";
      if (!url) return;
      void joinBroker(url)
        .then((client) => publishes(client, "x/set", { retain: true }))
        .finally(() => kill("SIGTERM"));
    },
  });
  const { code, stdout, stderr } = await ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({ url, counts: { "retained commands refused": 1 } });
});
