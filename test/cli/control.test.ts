/** The control endpoint: who may say what over HTTP, and what a page, a stranger or garbage gets. */

import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Control, controlPlace, listenOnPort, listenOnSocket } from "../../src/cli/control.ts";
import { runSockets, socketOf } from "../../src/cli/state.ts";
import { watchStopFile } from "../../src/cli/stop-file.ts";
import { virtualClock } from "../../src/clock.ts";
import { OperatorDesk } from "../../src/pipeline/operator.ts";

const token = "a token of the test";
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "reflexarc-"));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An endpoint before a run of two actuators, which writes down what it is asked. */
async function endpoint() {
  const desk = new OperatorDesk();
  const asked: string[] = [];
  desk.attend({
    ids: ["pan", "tilt"],
    request: (id, what) => asked.push(`${id} ${what}`),
    status: () => ({ document: "test", live: true, atUs: 0, eventsIn: 0, actuators: [] }),
  });
  const control = await listenOnPort(controlPlace("0"), token, desk);
  ends.push(control.close);
  return { control, desk, asked, port: Number(new URL(control.where).port) };
}

interface Said {
  method?: string;
  path?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
}

function say(
  where: { port: number } | { socketPath: string },
  { method = "POST", path = "/arm", headers = {}, body = "{}" }: Said,
): Promise<{ status: number; headers: IncomingHttpHeaders; told: { error?: string; stopped?: boolean } }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        ...where,
        method,
        path,
        headers: { "content-type": "application/json", ...headers },
      },
      (response) => {
        let text = "";
        response.on("data", (more) => {
          text += more;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, told: JSON.parse(text) }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(method === "POST" ? body : undefined);
  });
}

const withToken = { authorization: `Bearer ${token}` };

describe("with the token", () => {
  it("arms, disarms, stops and resets, all or one", async () => {
    const { port, asked, desk } = await endpoint();
    for (const [path, body] of [
      ["/arm", "{}"],
      ["/disarm", '{"actuator":"tilt"}'],
      ["/stop", ""],
      ["/reset", "{}"],
    ])
      expect((await say({ port }, { path: path!, body: body!, headers: withToken })).status).toBe(200);
    expect(asked).toEqual([
      "pan arm",
      "tilt arm",
      "tilt disarm",
      "pan emergency-stop",
      "tilt emergency-stop",
      "pan reset-emergency-stop",
      "tilt reset-emergency-stop",
    ]);
    expect(desk.stopped).toBe(false);
  });

  it("is told the status, and why something is refused", async () => {
    const { port, desk } = await endpoint();
    const status = await say({ port }, { method: "GET", path: "/status", headers: withToken });
    expect(status).toMatchObject({ status: 200, told: { stopped: false, run: { document: "test" } } });
    expect(status.headers["access-control-allow-origin"]).toBeUndefined();
    desk.hold("file", "the file is there");
    const refused = await say({ port }, { headers: withToken });
    expect(refused).toMatchObject({ status: 409, told: { error: "the file is there", stopped: true } });
    const unknown = await say({ port }, { path: "/disarm", body: '{"actuator":"roll"}', headers: withToken });
    expect(unknown.told.error).toMatch(/no actuator "roll"/);
  });
});

describe("a stop", () => {
  it("needs no token on this machine, and is heard while a body never ends", async () => {
    const { port, desk } = await endpoint();
    const slow = createConnection(port, "127.0.0.1");
    slow.write(
      "POST /arm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    );
    ends.push(() => slow.destroy());
    expect((await say({ port }, { path: "/stop" })).status).toBe(200);
    expect(desk.stopped).toBe(true);
  });

  it("is still none of a page's business", async () => {
    const { port, desk } = await endpoint();
    const page = await say({ port }, { path: "/stop", headers: { origin: "http://evil.example" } });
    expect(page.status).toBe(403);
    expect(desk.stopped).toBe(false);
  });
});

describe("refused, and nothing asked:", () => {
  const cases: [what: string, status: number, said: Said][] = [
    ["no token", 401, {}],
    ["another token", 401, { headers: { authorization: "Bearer guess" } }],
    ["a token of another kind", 401, { headers: { authorization: `Basic ${token}` } }],
    ["the status without a token", 401, { method: "GET", path: "/status" }],
    ["a reset without a token", 401, { path: "/reset" }],
    ["a foreign host (DNS rebinding)", 403, { headers: { ...withToken, host: "evil.example" } }],
    ["a foreign host with our port", 403, { headers: { ...withToken, host: "evil.example:1" } }],
    ["a foreign origin", 403, { headers: { ...withToken, origin: "http://evil.example" } }],
    ["an origin of no name", 403, { headers: { ...withToken, origin: "null" } }],
    ["an origin on another port", 403, { headers: { ...withToken, origin: "http://127.0.0.1:1" } }],
    ["a page elsewhere", 403, { headers: { ...withToken, "sec-fetch-site": "cross-site" } }],
    ["a page of another port", 403, { headers: { ...withToken, "sec-fetch-site": "same-site" } }],
    ["a form", 415, { headers: { ...withToken, "content-type": "text/plain" } }],
    [
      "a form's own type",
      415,
      { headers: { ...withToken, "content-type": "application/x-www-form-urlencoded" } },
    ],
    ["a type that only begins so", 415, { headers: { ...withToken, "content-type": "application/jsonp" } }],
    ["arming by GET", 405, { method: "GET", headers: withToken }],
    ["a preflight", 405, { method: "OPTIONS", headers: withToken }],
    ["a status by POST", 405, { path: "/status", headers: withToken }],
    ["another path", 404, { path: "/", headers: withToken }],
    ["a path that goes up", 404, { path: "/../arm", headers: withToken }],
    ["a query", 404, { path: "/arm?x=1", headers: withToken }],
    ["a body that is no JSON", 400, { body: "{", headers: withToken }],
    ["a body that is no object", 400, { body: "[]", headers: withToken }],
    ["a key that is unknown", 400, { body: '{"force":true}', headers: withToken }],
    ["a prototype", 400, { body: '{"__proto__":{"actuator":"pan"},"x":1}', headers: withToken }],
    ["a body without an end", 413, { body: `{"actuator":"${"x".repeat(65_536)}"}`, headers: withToken }],
  ];
  it.each(cases)("%s", async (_what, status, said) => {
    const { port, asked } = await endpoint();
    const answer = await say({ port }, said);
    expect([answer.status, asked]).toEqual([status, []]);
    expect(answer.told.error).toMatch(/./);
  });
});

describe("the place", () => {
  it("is the loopback unless another address is named", () => {
    expect(controlPlace("8100")).toEqual({ host: "127.0.0.1", port: 8100 });
    expect(controlPlace("[::1]:0")).toEqual({ host: "::1", port: 0 });
    expect(controlPlace("192.168.1.5:8100")).toEqual({ host: "192.168.1.5", port: 8100 });
  });

  it.each(["", "x", "70000", "host.example:8100", "0.0.0.0:8100", "[::]:8100", "8100/x"])(
    "is not %j",
    (text) => {
      expect(() => controlPlace(text)).toThrow(/\[control\]/);
    },
  );

  it("that is taken is an error with a remedy", async () => {
    const { port } = await endpoint();
    await expect(listenOnPort(controlPlace(String(port)), token, new OperatorDesk())).rejects.toThrow(
      /taken/,
    );
  });
});

describe("the socket of a run", () => {
  it("is this user's alone, is found by its process id, and asks for no token", async () => {
    const state = folder();
    const before = process.env.REFLEXARC_STATE;
    process.env.REFLEXARC_STATE = state;
    ends.push(() => {
      if (before === undefined) delete process.env.REFLEXARC_STATE;
      else process.env.REFLEXARC_STATE = before;
    });
    const desk = new OperatorDesk();
    const control: Control = await listenOnSocket(socketOf(process.pid), desk);
    ends.push(control.close);
    expect(statSync(join(state, "runs")).mode & 0o077).toBe(0);
    expect(runSockets()).toEqual(new Map([[process.pid, control.where]]));
    expect((await say({ socketPath: control.where }, { path: "/stop" })).status).toBe(200);
    expect(desk.stopped).toBe(true);
  });
});

describe("a stop file", () => {
  it("stops while it is there, is looked for by the clock, and leaves the reset to the operator", () => {
    const path = join(folder(), "stop");
    const clock = virtualClock();
    const { desk, asked } = withRun();
    ends.push(watchStopFile(path, desk, clock));
    clock.advance(1e6);
    expect([desk.stopped, asked]).toEqual([false, []]);
    writeFileSync(path, "");
    clock.advance(1_020_000);
    expect(asked).toEqual(["emergency-stop"]);
    expect(desk.ask("reset-emergency-stop").done).toBe(false);
    rmSync(path);
    clock.advance(2e6);
    expect(desk.stopped).toBe(true);
    expect(desk.ask("arm").done).toBe(false);
    expect(desk.ask("reset-emergency-stop").done).toBe(true);
    expect(desk.ask("arm").done).toBe(true);
  });

  it("stops from the start, and when its folder goes away", () => {
    const inside = folder();
    const path = join(inside, "stop");
    const clock = virtualClock();
    const { desk } = withRun();
    ends.push(watchStopFile(path, desk, clock));
    rmSync(inside, { recursive: true });
    clock.advance(20_000);
    expect(desk.ask("reset-emergency-stop")).toMatchObject({ done: false });
    const there = join(folder(), "stop");
    writeFileSync(there, "");
    const other = withRun();
    ends.push(watchStopFile(there, other.desk, clock));
    expect(other.asked).toEqual(["emergency-stop"]);
  });

  it("in a folder that does not exist could never stop anything, and is refused", () => {
    expect(() => watchStopFile(join(folder(), "none", "stop"), new OperatorDesk(), virtualClock())).toThrow(
      /could never stop/,
    );
  });

  function withRun() {
    const desk = new OperatorDesk();
    const asked: string[] = [];
    desk.attend({
      ids: ["pan"],
      request: (_id, what) => asked.push(what),
      status: () => ({ document: "test", live: true, atUs: 0, eventsIn: 0, actuators: [] }),
    });
    return { desk, asked };
  }
});
