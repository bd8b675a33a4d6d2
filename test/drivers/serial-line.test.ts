import { describe, expect, it, test } from "vitest";
import serialLine, { openSerialLine } from "../../drivers/serial-line.ts";
import type { ReflexarcError } from "../../src/errors.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import type { Actuator } from "../../src/stage.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakePort } from "../support/fake-port.ts";
import { move, release } from "../support/safe.ts";

actuatorContract({
  definition: serialLine,
  options: { port: "contract" },
  async open(options, context) {
    const port = fakePort();
    const actuator = await openSerialLine(options, context, port.open);
    return {
      actuator,
      received: () => port.lines.length,
      lose: port.unplug,
      settle: async () => {},
    };
  },
});

/** Lets promises that are due run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** On a line this slow one frame at a time is on its way. */
function optionsOf(given: object = {}) {
  return serialLine.options.parse({ port: "test", baudRate: 9600, ...given });
}

function tell(actuator: Actuator, command: SafeCommand, given: object = {}) {
  actuator.write(serialLine.encode(optionsOf(given))(command), command);
}

describe("SSC-32 lines", () => {
  const line = (command: SafeCommand, given: object = {}) =>
    new TextDecoder().decode(serialLine.encode(optionsOf(given))(command));

  it("says channel and pulse width", () => {
    expect(line(move(90), { channel: 5 })).toBe("#5P1500\r");
    expect(line(move(0))).toBe("#0P500\r");
    expect(line(move(180))).toBe("#0P2500\r");
    expect(line(move(1600, 1000, "pulseUs"), { channel: 5 })).toBe("#5P1600\r");
    expect(line(release(), { channel: 31 })).toBe("#31P0\r");
  });

  it("scales, turns round and stays within the servo's pulses", () => {
    const narrow = { minUs: 1000, maxUs: 2000, angleMinDeg: -45, angleMaxDeg: 45 };
    expect(line(move(0), narrow)).toBe("#0P1500\r");
    expect(line(move(90), narrow)).toBe("#0P2000\r");
    expect(line(move(45), { minUs: 2000, maxUs: 1000, angleMaxDeg: 90 })).toBe("#0P1500\r");
    expect(line(move(0), { minUs: 2000, maxUs: 1000, angleMaxDeg: 90 })).toBe("#0P2000\r");
  });

  it("refuses other units and a servo without travel", () => {
    expect(() => line(move(0.5, 1000, "duty"))).toThrow(/takes angles or pulse widths, not duty/);
    expect(() => line(move(1), { minUs: 1500, maxUs: 1500 })).toThrow(/must differ/);
  });
});

describe("opening", () => {
  const openingError = async (failure: string): Promise<ReflexarcError> => {
    const port = fakePort();
    port.failure = failure;
    return openSerialLine(optionsOf(), heardContext(), port.open).then(
      () => expect.fail("it opened"),
      (error) => error,
    );
  };

  it.each([
    ["Error: No such file or directory, cannot open test", /there is no such port \(test\)\. \S/],
    [
      "Error: Permission denied, cannot open test",
      /permission denied \(test\)\. Add your user to the group "dialout"/,
    ],
    [
      "Error Resource temporarily unavailable Cannot lock port",
      /the port is in use \(test\)\. Close the program/,
    ],
    [
      "Error: Inappropriate ioctl for device setting custom baud rate",
      /can't be opened: Inappropriate ioctl/,
    ],
  ])("explains %s", async (failure, message) => {
    const error = await openingError(failure);
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(5);
    expect(error.detail.room).toBe("pan");
  });

  it("fails on a real port that is not there, and can be tried again", async () => {
    const options = optionsOf({ port: "/dev/ttyReflexarcNoSuchPort" });
    for (const _ of [1, 2])
      await expect(openSerialLine(options, heardContext())).rejects.toThrow(/there is no such port/);
  });
});

test("says once a port, and loudly, that the board can't fail safe by itself", async () => {
  const port = fakePort();
  const contexts = [heardContext("pan"), heardContext("tilt")];
  const shares = [];
  for (const [channel, context] of contexts.entries())
    shares.push(await openSerialLine(optionsOf({ port: "loud", channel }), context, port.open));
  expect(contexts.map(({ notices }) => notices)).toEqual([
    [expect.stringMatching(/^WARNING: an SSC-32 has no failsafe/)],
    [],
  ]);
  for (const share of shares) await share.stop();
});

describe("a busy port", () => {
  it("keeps only the newest position and counts what it replaced", async () => {
    const port = fakePort();
    const actuator = await openSerialLine(optionsOf(), heardContext(), port.open);
    port.stuck = true;
    for (const deg of [10, 20, 30, 40]) tell(actuator, move(deg));
    expect(port.lines).toEqual(["#0P611\r"]);
    port.unstick();
    expect(port.lines).toEqual(["#0P611\r", "#0P944\r"]);
    expect(actuator.counts!()).toEqual({ "replaced by a newer one": 2 });
    await actuator.stop();
  });

  it("takes as much ahead as leaves a fast line within 4 ms", async () => {
    const port = fakePort();
    const actuator = await openSerialLine(optionsOf({ baudRate: 115_200 }), heardContext(), port.open);
    port.stuck = true;
    // 46 bytes: seven lines of 7 bytes are more.
    for (let deg = 10; deg <= 100; deg += 10) tell(actuator, move(deg));
    expect(port.lines.length).toBe(7);
    port.unstick();
    expect(port.lines.length).toBe(8);
    expect(port.lines.at(-1)).toBe("#0P1611\r");
    expect(actuator.counts!()).toEqual({ "replaced by a newer one": 2 });
    await actuator.stop();
  });

  it("never sends a position late, but a release always", async () => {
    const port = fakePort();
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.stuck = true;
    tell(actuator, move(10));
    tell(actuator, move(20));
    context.clock.advance(100_001);
    port.unstick();
    expect(port.lines).toEqual(["#0P611\r"]);
    expect(actuator.counts!()).toEqual({ "too late, dropped": 1 });
    port.stuck = true;
    tell(actuator, move(30));
    tell(actuator, release());
    context.clock.advance(10_000_000);
    port.unstick();
    expect(port.lines.slice(1)).toEqual(["#0P833\r", "#0P0\r"]);
    await actuator.stop();
  });

  it("lets the last line out when it stops, and waits no longer than 500 ms", async () => {
    const port = fakePort();
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.stuck = true;
    tell(actuator, move(10));
    tell(actuator, release());
    let stopped = false;
    const stopping = actuator.stop().then(() => (stopped = true));
    await turn();
    expect(stopped).toBe(false);
    context.clock.advance(500_000);
    await stopping;
    expect(port.closed).toBe(1);
  });
});

describe("a device that takes no bytes", () => {
  it("is lost after 250 ms, and what waited for it is thrown away", async () => {
    const port = fakePort();
    port.patienceUs = 250_000;
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.stuck = true;
    tell(actuator, move(0));
    tell(actuator, move(30));
    for (const atUs of [230_000, 249_000]) {
      context.clock.advance(atUs);
      await turn();
    }
    expect(context.connections).toEqual([]);
    context.clock.advance(251_000);
    await turn();
    expect(context.connections).toEqual(["lost"]);
    expect(port.flushed).toBe(1);
    port.unstick();
    context.clock.advance(400_000);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    context.clock.advance(2_000_000);
    await turn();
    expect(port.lines).toEqual(["#0P500\r"]);
    expect(actuator.counts!()).toEqual({ "dropped at a lost connection": 2 });
    await actuator.stop();
  });

  it("is not lost because this process stood still: its release still goes out", async () => {
    const port = fakePort();
    port.patienceUs = 250_000;
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.stuck = true;
    tell(actuator, move(0));
    // Stopped and continued: three seconds have passed before the line is heard again.
    context.clock.advance(3_000_000);
    await turn();
    tell(actuator, release());
    port.unstick();
    context.clock.advance(3_500_000);
    await turn();
    expect(context.connections).toEqual([]);
    expect(port.lines).toEqual(["#0P500\r", "#0P0\r"]);
    await actuator.stop();
  });
});

describe("two servos on one port", () => {
  it("share it, keep each its newest line, and close it together", async () => {
    const port = fakePort();
    const [pan, tilt] = [heardContext("pan"), heardContext("tilt")];
    const first = await openSerialLine(optionsOf({ channel: 0 }), pan, port.open);
    const second = await openSerialLine(optionsOf({ channel: 1 }), tilt, port.open);
    expect(port.opened).toBe(1);
    port.stuck = true;
    for (const deg of [0, 18, 36]) {
      tell(first, move(deg), { channel: 0 });
      tell(second, move(deg), { channel: 1 });
    }
    port.unstick();
    expect(port.lines).toEqual(["#0P500\r", "#1P900\r", "#0P900\r"]);
    port.unplug();
    expect([pan.connections, tilt.connections]).toEqual([["lost"], ["lost"]]);
    await first.stop();
    await second.stop();
  });

  it("must agree on the speed of the line", async () => {
    const port = fakePort();
    const first = await openSerialLine(optionsOf(), heardContext(), port.open);
    const other = openSerialLine(optionsOf({ baudRate: 19_200 }), heardContext("tilt"), port.open);
    await expect(other).rejects.toThrow(/already used at 9600 baud/);
    await first.stop();
    expect(port.closed).toBe(1);
  });
});

describe("a pulled cable", () => {
  it("is tried again after 0.1, 0.2, 0.4 ... 5 s, or up to a quarter sooner, and nothing is sent by itself", async () => {
    const port = fakePort();
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.stuck = true;
    tell(actuator, move(10));
    tell(actuator, move(20));
    port.unplug();
    expect(context.connections).toEqual(["lost"]);
    tell(actuator, move(30));

    port.failure = "Error: No such file or directory";
    const triesMs: number[] = [];
    for (let ms = 0; ms <= 20_000; ms += 5) {
      const before = port.tries;
      context.clock.advance(ms * 1000);
      await turn();
      if (port.tries > before) triesMs.push(ms);
      if (ms === 12_000) port.failure = undefined;
    }
    const pausesMs = triesMs.map((ms, i) => ms - (triesMs[i - 1] ?? 0));
    expect(pausesMs.length).toBeGreaterThan(6);
    const fullMs = [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000];
    for (const [i, ms] of pausesMs.entries()) {
      expect(ms).toBeGreaterThanOrEqual(fullMs[i]! * 0.75 - 5);
      expect(ms).toBeLessThanOrEqual(fullMs[i]! + 5);
    }
    expect(pausesMs).not.toEqual(fullMs.slice(0, pausesMs.length));
    expect(context.connections).toEqual(["lost", "connected"]);
    port.unstick();
    expect(port.lines).toEqual(["#0P611\r"]);
    tell(actuator, release());
    expect(port.lines).toEqual(["#0P611\r", "#0P0\r"]);
    expect(actuator.counts!()).toEqual({
      "dropped at a lost connection": 2,
      "dropped while disconnected": 1,
    });
    await actuator.stop();
  });

  it("shows in a failed write, too", async () => {
    const port = fakePort();
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.writeFailure = "Input/output error";
    tell(actuator, move(10));
    port.unplug();
    expect(context.connections).toEqual(["lost"]);
    expect(actuator.counts!()).toEqual({ "dropped at a lost connection": 1 });
    await actuator.stop();
  });

  it("is not tried again after the end", async () => {
    const port = fakePort();
    const context = heardContext();
    const actuator = await openSerialLine(optionsOf(), context, port.open);
    port.unplug();
    await actuator.stop();
    context.clock.advance(60_000_000);
    await turn();
    expect(port.opened).toBe(1);
  });
});
