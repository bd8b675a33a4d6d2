import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { brokerUrl, loginOf } from "../../../drivers/mqtt/connection.ts";
import { endPeers, temporaryFolder } from "../../support/peers.ts";

afterEach(endPeers);
const none = { id: "pan", resolvePath: (path: string) => path };

test.each(["mqtt://user:secret@host", "mqtts://user@host"])("a document holds no password: %s", (url) => {
  expect(() => brokerUrl.parse(url)).toThrow(/must not hold a user or password: set REFLEXARC_MQTT_USER/);
  expect(brokerUrl.parse("mqtts://host:8883")).toBe("mqtts://host:8883");
});

test("user and password come from the environment, or from the document and a file, which go before it", () => {
  const environment = { REFLEXARC_MQTT_USER: "ann", REFLEXARC_MQTT_PASSWORD: "from outside" };
  expect(loginOf({}, none, {})).toEqual({});
  expect(loginOf({}, none, environment)).toEqual({ username: "ann", password: "from outside" });
  const passwordFile = join(temporaryFolder(), "password");
  writeFileSync(passwordFile, "from a file \nnot this\n");
  expect(loginOf({ user: "bob", passwordFile }, none, environment)).toEqual({
    username: "bob",
    password: "from a file ",
  });
});

test("certificates are read relative to the document, and a missing one is told", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "ca.pem"), "a certificate");
  const context = { id: "pan", resolvePath: (path: string) => join(folder, path) };
  expect(loginOf({ caFile: "ca.pem" }, context, {})).toEqual({ ca: Buffer.from("a certificate") });
  expect(() => loginOf({ keyFile: "key.pem" }, context, {})).toThrow(/can't be read: ENOENT \(key\.pem\)/);
});
