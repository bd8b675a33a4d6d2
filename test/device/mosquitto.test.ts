/** The MQTT actuator against a real Mosquitto, from outside: what arrives, who may arm, and what a dead broker does. */

import { afterEach, expect, test } from "vitest";
import {
  endOf,
  endPeers,
  eventually,
  followWith,
  freePort,
  longEye,
  pause,
  peer,
  startLive,
  startMosquitto,
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
  return { all, commands: () => all().filter(({ topic }) => topic === "reflexarc/pan/command") };
}

function publish(port: number, leaf: string): void {
  peer("mosquitto_pub", ["-p", `${port}`, "-t", `reflexarc/pan/${leaf}`, "-m", "1"]);
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
  expect(first.all()[0]).toMatchObject({ topic: "reflexarc/pan/state", online: true });
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
  await still(second);

  run.child.kill("SIGTERM");
  expect(await run.ended).toEqual({ code: 5, signal: null });
  await eventually("its farewell", () => second.all().some(({ online }) => online === false));
  const { stages, errors } = run.summary();
  expect(errors).toMatchObject([{ kind: "device", room: "pan" }]);
  expect(stages.find(({ id }) => id === "pan")?.counts).toMatchObject({
    "arming refused": 1,
    "emergency stop": 1,
    "trip: lost connection": 1,
  });
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
  expect(late.all()).toMatchObject([{ topic: "reflexarc/pan/state", online: false }]);
});
