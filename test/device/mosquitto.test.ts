/** The MQTT actuator against a real Mosquitto, from outside: what arrives, who may arm, and what a dead broker does. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { discoveryTopic, homeAssistantDevice } from "../support/home-assistant.ts";
import {
  certificates,
  endOf,
  endPeers,
  eventually,
  followWith,
  freePort,
  longEye,
  pause,
  peer,
  plugCable,
  startLive,
  startMosquitto,
  temporaryFolder,
} from "../support/peers.ts";

afterEach(endPeers);

interface Heard {
  topic: string;
  expiryS: number;
  boot?: string;
  sequence?: number;
  atUs?: number;
  action?: string;
  online?: boolean;
}

/** Hears all that is said below `reflexarc/`, by Mosquitto's own client at MQTT 5. */
function listen(port: number) {
  const { said } = peer("mosquitto_sub", [
    "-V",
    "mqttv5",
    "-p",
    `${port}`,
    "-t",
    "reflexarc/#",
    "-F",
    "%t|%E|%p",
  ]);
  const all = (): Heard[] =>
    said.stdout
      .split("\n")
      .filter((line) => line.includes("{"))
      .map((line) => {
        const [topic, expiry, payload] = line.split("|");
        return { topic: topic!, expiryS: Number(expiry), ...JSON.parse(payload!) };
      });
  return { all, commands: () => all().filter(({ topic }) => topic === "reflexarc/document/pan/command") };
}

function publish(port: number, leaf: string): void {
  peer("mosquitto_pub", ["-p", `${port}`, "-t", `reflexarc/document/pan/${leaf}`, "-m", "1"]);
}

test("commands arrive numbered and with an expiry; operators enable, disable and stop; nothing survives the broker's death", async () => {
  const port = await freePort();
  const broker = await startMosquitto(port);
  const first = listen(port);
  const run = startLive(followWith({ pan: { use: "mqtt", url: `mqtt://127.0.0.1:${port}` } }, longEye));
  const moves = (heard: { commands(): Heard[] }) =>
    heard.commands().filter(({ action }) => action === "move");
  /** Nothing but silence for half a second. */
  const still = async (heard: { commands(): Heard[] }) => {
    const before = moves(heard).length;
    await pause(500);
    expect(moves(heard).length).toBe(before);
  };

  await eventually("commands", () => first.commands().length > 50);
  expect(first.all()[0]).toMatchObject({ topic: "reflexarc/document/pan/state", online: true });
  const sequences = first.commands().map(({ sequence }) => sequence!);
  expect(sequences).toEqual(sequences.map((_, i) => sequences[0]! + i));
  expect(new Set(first.commands().map(({ boot }) => boot)).size).toBe(1);
  for (const { expiryS } of first.commands()) expect(expiryS).toBe(1);

  publish(port, "disable");
  await eventually("a release", () => first.commands().at(-1)?.action === "release");
  await still(first);
  publish(port, "enable");
  await eventually("motion again", () => first.commands().at(-1)?.action === "move");

  const lastMove = moves(first).at(-1)!;
  await endOf(broker);
  await eventually("the loss", () => /pan: lost/.test(run.stderr()));
  await pause(700);
  await startMosquitto(port);
  const second = listen(port);
  await eventually("the return", () => /pan: connected/.test(run.stderr()));
  await eventually("its state", () => second.all().some(({ online }) => online));
  await still(second);
  expect(moves(second)).toEqual([]);
  publish(port, "enable");
  await eventually("motion when armed again", () => moves(second).length > 10);
  const [next] = moves(second);
  expect(next!.sequence).toBeGreaterThan(lastMove.sequence!);
  expect(next!.atUs).toBeGreaterThan(lastMove.atUs! + 500_000);

  publish(port, "emergency-stop");
  await eventually("a release", () => second.commands().at(-1)?.action === "release");
  publish(port, "enable");
  await eventually("why not", () => /pan: arm is refused: it is emergency-stopped/.test(run.stderr()));
  await still(second);

  run.child.kill("SIGTERM");
  expect(await run.ended).toEqual({ code: 5, signal: null });
  await eventually("its farewell", () => second.all().some(({ online }) => online === false));
  const { stages, errors } = run.summary();
  expect(errors).toMatchObject([{ kind: "device", room: "pan" }]);
  expect(stages.find(({ id }) => id === "pan")?.counts).toMatchObject({
    "emergency stop": 1,
    "trip: lost connection": 1,
  });
});

test("TLS by an authority of one's own; without it, and with a wrong password, there is no connection and the remedy is told", async () => {
  const { ca, cert, key } = certificates();
  const passwords = join(temporaryFolder(), "passwords");
  execFileSync("mosquitto_passwd", ["-b", "-c", passwords, "ann", "right"], { stdio: "pipe" });
  const port = await freePort();
  const tls = [`cafile ${ca}`, `certfile ${cert}`, `keyfile ${key}`];
  // Its last word on strangers counts, and Mosquitto gives up root before it reads the file.
  await startMosquitto(port, ...tls, `password_file ${passwords}`, "user root", "allow_anonymous false");
  const password = (text: string) => {
    const file = join(temporaryFolder(), "password");
    writeFileSync(file, `${text}\n`);
    return file;
  };
  const pan = { use: "mqtt", url: `mqtts://127.0.0.1:${port}`, user: "ann" };
  const good = startLive(
    followWith({ pan: { ...pan, caFile: ca, passwordFile: password("right") } }, longEye),
  );
  const heard = peer("mosquitto_sub", [
    ...["--cafile", ca, "-u", "ann", "-P", "right", "-p", `${port}`, "-h", "127.0.0.1", "-t", "reflexarc/#"],
  ]);
  await eventually(`commands ${good.stderr()}`, () => heard.said.stdout.split('"move"').length > 10);
  good.child.kill("SIGTERM");
  expect(await good.ended).toEqual({ code: 0, signal: null });

  const stranger = startLive(followWith({ pan: { ...pan, passwordFile: password("right") } }, longEye));
  expect((await stranger.ended).code).toBe(5);
  expect(JSON.stringify(stranger.summary())).toMatch(/certificate or its TLS does not do: [A-Z_]+.*caFile/);
  const wrong = startLive(
    followWith({ pan: { ...pan, caFile: ca, passwordFile: password("wrong") } }, longEye),
  );
  expect((await wrong.ended).code).toBe(5);
  expect(JSON.stringify(wrong.summary())).toMatch(/refuses the user or password.*REFLEXARC_MQTT_USER/);
});

test("Home Assistant finds the actuator, again when it has started anew, and no more when it is removed", async () => {
  const port = await freePort();
  await startMosquitto(port);
  const pan = { use: "mqtt", url: `mqtt://127.0.0.1:${port}`, discovery: "homeassistant", atEnd: "remove" };
  const found = peer("mosquitto_sub", ["-p", `${port}`, "-t", "homeassistant/device/#", "-F", "%r|%t|%p"]);
  const messages = () => found.said.stdout.split("\n").filter((line) => line.includes("|"));
  const run = startLive(followWith({ pan }, longEye));
  await eventually(`discovery ${run.stderr()}`, () => messages().length === 1);
  const [, topic, payload] = messages()[0]!.split("|");
  expect(topic).toMatch(discoveryTopic);
  homeAssistantDevice.parse(JSON.parse(payload!));
  // Whoever comes later finds it kept.
  const late = peer("mosquitto_sub", ["-p", `${port}`, "-t", "homeassistant/device/#", "-F", "%r|%t"]);
  await eventually("the retained message", () => late.said.stdout.startsWith(`1|${topic}`));
  peer("mosquitto_pub", ["-p", `${port}`, "-t", "homeassistant/status", "-m", "online"]);
  await eventually("discovery again", () => messages().length === 2);
  const enabled = peer("mosquitto_sub", ["-p", `${port}`, "-t", "reflexarc/document/pan/enabled"]);
  await eventually("ON", () => enabled.said.stdout.endsWith("ON\n"));
  peer("mosquitto_pub", ["-p", `${port}`, "-t", "reflexarc/document/pan/enable", "-m", "OFF"]);
  await eventually("OFF", () => enabled.said.stdout.endsWith("OFF\n"));
  run.child.kill("SIGTERM");
  await run.ended;
  await eventually("its removal", () => messages().at(-1) === `0|${topic}|`);
  const after = peer("mosquitto_sub", ["-p", `${port}`, "-t", "homeassistant/device/#", "-W", "1"]);
  await eventually("silence", () => after.child.exitCode !== null);
  expect(after.said.stdout).toBe("");
});

test("the last will says that a killed run is offline", async () => {
  const port = await freePort();
  await startMosquitto(port);
  const heard = listen(port);
  const run = startLive(followWith({ pan: { use: "mqtt", url: `mqtt://127.0.0.1:${port}` } }, longEye));
  await eventually("commands", () => heard.commands().length > 5);
  run.child.kill("SIGKILL");
  await eventually("the will", () => heard.all().some(({ online }) => online === false));
  const late = listen(port);
  await eventually("the retained state", () => late.all().length > 0);
  expect(late.all()).toMatchObject([{ topic: "reflexarc/document/pan/state", online: false }]);
});

test("a serial servo as a number of Home Assistant: what was retained is ignored, what is set moves it, and a killed broker releases it", async () => {
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const broker = await startMosquitto(port);
  const topic = "reflexarc/document/pan/set";
  const say = (leaf: string, message: string, ...words: string[]) =>
    peer("mosquitto_pub", ["-p", `${port}`, "-q", "1", "-t", leaf, "-m", message, ...words]);
  say(topic, "150", "-r");
  const found = peer("mosquitto_sub", ["-p", `${port}`, "-t", "homeassistant/device/#", "-F", "%t|%p"]);
  const kept = peer("mosquitto_sub", ["-p", `${port}`, "-t", topic]);
  await eventually("the retained command", () => kept.said.stdout === "150\n");
  const cable = await plugCable();
  const pan = { use: "serial-line", port: cable.path, limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300 } };
  const file = join(temporaryFolder(), "document.yaml");
  const stages = [
    { id: "hand", use: "mqtt-set", of: "pan", url, discovery: "homeassistant" },
    { id: "go", use: "setpoint" },
    { id: "pan", ...pan },
  ];
  writeFileSync(file, JSON.stringify({ stages }));
  const run = startLive(file);
  await eventually(`discovery ${run.stderr()}`, () => found.said.stdout.includes("\n"), 60_000);
  // A template of it has a bar, too.
  const [, config, payload] = /^([^|]*)\|(.*)$/m.exec(found.said.stdout)!;
  expect(config).toMatch(discoveryTopic);
  const { components } = homeAssistantDevice.parse(JSON.parse(payload!));
  expect(components.set).toMatchObject({ platform: "number", command_topic: topic, min: 20, max: 160 });
  await pause(500);
  expect(cable.text()).toBe("");

  // As its template makes it: 45 degrees are 1000 us of 500 to 2500.
  say(topic, JSON.stringify({ value: 45, sentMs: Date.now() }));
  await eventually("45 degrees", () => cable.text().endsWith("#0P1000\r"), 30_000);
  say(topic, "20", "-V", "mqttv5", "-D", "publish", "message-expiry-interval", "5");
  await eventually("20 degrees, its limit", () => cable.text().endsWith("#0P722\r"), 30_000);

  const before = cable.text().length;
  await endOf(broker);
  await eventually("a release", () => cable.text().slice(before).endsWith("#0P0\r"), 30_000);
  await startMosquitto(port);
  await eventually("the return", () => /hand: it is heard again/.test(run.stderr()), 30_000);
  say(topic, "90");
  await pause(1000);
  expect(cable.text().slice(before)).toMatch(/^(#0P722\r)*(#0P0\r)+$/);
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(5);
  expect(run.summary().stages.find(({ id }) => id === "hand")?.counts).toMatchObject({
    "retained commands ignored": 1,
    "connections lost": 1,
  });
});
