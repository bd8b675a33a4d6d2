/** The broker alone, as others' programs meet it: Mosquitto's own clients, with passwords, rights and TLS. */

import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { certificates, endPeers, eventually, peer, temporaryFolder } from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

const main = join(root, "dist/src/cli/main.js");

/** A broker as the verb starts it; its port. */
async function start(...words: string[]): Promise<string> {
  const { said } = peer(process.execPath, [main, "broker", "--port", "0", ...words]);
  return eventually(
    `a broker ${said.stderr}`,
    () => /listens on mqtts?:\/\/\S+:(\d+);/.exec(said.stderr)?.[1],
  );
}

/** Ends with 0 once a message was published at QoS 1 and acknowledged. */
const publish = (port: string, topic: string, ...words: string[]) =>
  spawnSync("mosquitto_pub", ["-V", "mqttv311", "-p", port, "-q", "1", "-t", topic, "-m", "90", ...words], {
    encoding: "utf8",
    timeout: 20_000,
  });

function usersFile(): string {
  const file = join(temporaryFolder(), "users");
  const add = (name: string, ...words: string[]) =>
    execFileSync(process.execPath, [main, "broker", "--users", file, "--add", name, ...words], {
      input: "right horse\n",
      stdio: ["pipe", "pipe", "pipe"],
    });
  add("ann", "--publish", "reflexarc/+/pan/set", "--subscribe", "reflexarc/#");
  add("ben", "--subscribe", "reflexarc/desk/pan/state");
  return file;
}

test("Mosquitto's clients: passwords, rights, and what is kept", async () => {
  const port = await start("--users", usersFile());
  const as = (name: string, password = "right horse") => ["-u", name, "-P", password];
  const heard = peer("mosquitto_sub", ["-V", "mqttv311", "-p", port, ...as("ann"), "-t", "reflexarc/#"]);
  // Once its subscription is in, it hears what is published.
  await eventually("a message", () => {
    expect(publish(port, "reflexarc/desk/pan/set", ...as("ann"))).toMatchObject({ status: 0 });
    return heard.said.stdout.startsWith("90\n");
  });
  for (const [topic, ...words] of [
    ["reflexarc/desk/pan/set"],
    ["reflexarc/desk/pan/set", ...as("ann", "wrong")],
    ["reflexarc/desk/pan/set", ...as("ben")],
    ["reflexarc/desk/pan/enable", ...as("ann")],
    ["reflexarc/desk/pan/set", "-r", ...as("ann")],
  ] as const)
    expect({ words, status: publish(port, topic, ...words).status }).not.toMatchObject({ status: 0 });
  const nosy = peer("mosquitto_sub", ["-V", "mqttv311", "-p", port, ...as("ben"), "-t", "reflexarc/#"]);
  await eventually("the refusal", () => /subscription requests were denied/.test(nosy.said.stderr));
});

test("TLS by a certificate of one's own; who doesn't trust it, or speaks none, stays outside", async () => {
  const { ca, cert, key } = certificates();
  const port = await start("--users", usersFile(), "--cert", cert, "--key", key);
  const ann = ["-h", "127.0.0.1", "-u", "ann", "-P", "right horse"];
  expect(publish(port, "reflexarc/desk/pan/set", ...ann, "--cafile", ca)).toMatchObject({ status: 0 });
  expect(publish(port, "reflexarc/desk/pan/set", ...ann, "--cafile", certificates().ca).status).not.toBe(0);
  expect(publish(port, "reflexarc/desk/pan/set", ...ann).status).not.toBe(0);
});
