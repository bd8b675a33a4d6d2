import fc from "fast-check";
import { describe, expect, it } from "vitest";
import firmataServo, { openFirmataServo } from "../../drivers/firmata-servo.ts";
import { FirmataReader, servoPulse } from "../../drivers/wire/firmata.ts";
import type { ReflexarcError } from "../../src/errors.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { bytesOf, type FakeBoard, fakeBoard, hexOf, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const banner = bytesOf("f9 02 05 f0 79 02 05 53 00 74 00 64 00 f7");
const limp = "f4 09 01";

/** A board that answers the version query; an Uno says its banner at the opening besides. */
function uno(given: Partial<FakeBoard> = {}): FakeBoard {
  const answer = (frame: Uint8Array) => (frame[0] === 0xf9 ? bytesOf("f9 02 05") : undefined);
  return fakeBoard({ banner, answer, ...given });
}

const optionsOf = (given: object = {}) => firmataServo.options.parse({ port: "test", pin: 9, ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  hexOf(firmataServo.encode(optionsOf(given))(command));
const sent = (board: FakeBoard) => board.frames.map(hexOf);

actuatorContract({
  definition: firmataServo,
  options: { port: "contract", pin: 9 },
  async open(options, context) {
    const board = uno();
    return benchOf(await openFirmataServo(options, context, board.open), board);
  },
});

describe("Firmata's bytes", () => {
  it("are those that the real firmware took", () => {
    expect(hexOf(servoPulse(20, 1500))).toBe("f0 6f 14 5c 0b f7");
    expect(encode(move(1500, 1000, "pulseUs"))).toBe("f4 09 04 e9 5c 0b");
    expect(encode(release())).toBe("f4 09 01");
  });

  it("turn 0, 45, 90, 135 and 180 degrees into 544, 1008, 1472, 1936 and 2400 us", () => {
    const pulses = [0, 45, 90, 135, 180].map((deg) => {
      const frame = firmataServo.encode(optionsOf())(move(deg));
      return frame[4]! | (frame[5]! << 7);
    });
    expect(pulses).toEqual([544, 1008, 1472, 1936, 2400]);
  });

  it("use the extended message for pins that have no short one", () => {
    expect(encode(move(90), { pin: 15 })).toBe("f4 0f 04 ef 40 0b");
    expect(encode(move(90), { pin: 16 })).toBe("f4 10 04 f0 6f 10 40 0b f7");
    expect(encode(release(), { pin: 44 })).toBe("f4 2c 01");
  });

  it("never hold a value that the servo library takes for degrees, whatever is asked", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 544, max: 2400 }),
        fc.integer({ min: 544, max: 2400 }),
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 0, max: 127 }),
        (minUs, maxUs, pulseUs, pin) => {
          fc.pre(minUs !== maxUs);
          const frame = firmataServo.encode(optionsOf({ minUs, maxUs, pin }))(move(pulseUs, 1000, "pulseUs"));
          const value = pin < 16 ? frame.subarray(4) : frame.subarray(6);
          const told = value[0]! | (value[1]! << 7);
          expect(told).toBe(Math.min(Math.max(pulseUs, Math.min(minUs, maxUs)), Math.max(minUs, maxUs)));
          expect(told).toBeGreaterThanOrEqual(544);
        },
      ),
    );
    expect(() => servoPulse(9, 500)).toThrow(RangeError);
    expect(() => servoPulse(9, 543.9)).toThrow(RangeError);
    expect(() => servoPulse(9, 2401)).toThrow(RangeError);
    expect(() => servoPulse(9, Number.NaN)).toThrow(RangeError);
  });

  it("never hold a SERVO_CONFIG, whose int8 wraps and which starts pulses of 1500 us by itself", () => {
    for (let pin = 0; pin < 128; pin++)
      for (const command of [move(0), move(90), move(180), release()])
        expect(encode(command, { pin, minUs: 1200, maxUs: 1800 })).not.toMatch(/f0 70/);
  });

  it.each([[{ minUs: 500 }], [{ minUs: 543 }], [{ maxUs: 2500 }], [{ maxUs: 2916 }], [{ minUs: 2401 }]])(
    "refuse %o as options",
    (given) => {
      expect(() => optionsOf(given)).toThrow(/must lie between 544 and 2400: .* wrap/);
    },
  );
});

describe("what the board says", () => {
  it("is read in any cut", () => {
    const stream = bytesOf(
      "f9 02 05 f0 79 02 05 53 00 7f 00 07 00 f7 e0 10 02 f0 71 68 00 69 00 f7 c0 01 d1 00 ff",
    );
    const whole = new FirmataReader().push(stream);
    expect(whole).toEqual([
      { kind: "version", major: 2, minor: 5 },
      { kind: "firmware", major: 2, minor: 5, name: "S" },
      { kind: "other", command: 0xe0 },
      { kind: "text", text: "hi" },
      { kind: "other", command: 0xc0 },
      { kind: "other", command: 0xd1 },
    ]);
    const reader = new FirmataReader();
    expect([...stream].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual(whole);
  });

  it("is found again after garbage, a lost byte and an endless message", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(13), (garbage, lost) => {
        const reader = new FirmataReader();
        reader.push(garbage);
        reader.push(banner.filter((_, i) => i !== lost));
        expect(reader.push(banner)).toContainEqual({ kind: "firmware", major: 2, minor: 5, name: "Std" });
      }),
    );
    const reader = new FirmataReader();
    reader.push(Uint8Array.of(0xf0));
    expect(reader.push(new Uint8Array(1_000_000))).toEqual([]);
    expect(reader.push(bytesOf("f7 f9 02 05"))).toEqual([{ kind: "version", major: 2, minor: 5 }]);
  });
});

describe("opening", () => {
  it("waits for the banner, and leaves the pin without pulses", async () => {
    const board = uno();
    const context = heardContext();
    const actuator = await openFirmataServo(optionsOf(), context, board.open);
    expect(sent(board)).toEqual([limp]);
    expect(context.notices).toEqual([
      expect.stringMatching(/^WARNING: StandardFirmata has no failsafe: .*for ever/),
    ]);
    await actuator.stop();
    expect(board.closed).toBe(1);
  });

  it("asks a board that does not restart at the opening, after 2.5 s", async () => {
    const board = uno({ banner: undefined });
    const context = heardContext();
    const opening = openFirmataServo(optionsOf(), context, board.open);
    await turn();
    context.clock.advance(2_499_999);
    await turn();
    expect(sent(board)).toEqual([]);
    context.clock.advance(2_500_000);
    await (await opening).stop();
    expect(sent(board)).toEqual(["f9", limp]);
  });

  it("refuses a board that is silent or speaks something else", async () => {
    const board = fakeBoard({ answer: () => bytesOf("4f 4b 0d 0a") });
    const context = heardContext();
    const opening = openFirmataServo(optionsOf(), context, board.open).then(
      () => expect.fail("it opened"),
      (error: ReflexarcError) => error,
    );
    for (let s = 0; s <= 5; s++) {
      await turn();
      context.clock.advance(s * 1e6);
    }
    const error = await opening;
    expect(error.message).toMatch(/the device does not answer \(test\)\. Upload the example StandardFirmata/);
    expect(error.exitCode).toBe(5);
    expect(board.closed).toBe(1);
  });

  it("warns once for two servos of one board, and does not wait twice", async () => {
    const board = uno();
    const [pan, tilt] = [heardContext("pan"), heardContext("tilt")];
    const first = await openFirmataServo(optionsOf(), pan, board.open);
    const second = await openFirmataServo(optionsOf({ pin: 10 }), tilt, board.open);
    expect(board.opened).toBe(1);
    expect(sent(board)).toEqual([limp, "f9", "f4 0a 01"]);
    expect([pan.notices.length, tilt.notices.length]).toEqual([1, 0]);
    expect(pan.connections).toEqual([]);
    await first.stop();
    await second.stop();
  });
});

describe("a board that restarts in mid-stream", () => {
  it("is a lost connection, probably a brown-out, and comes back without a position", async () => {
    const board = uno();
    const context = heardContext();
    const whys: string[] = [];
    const actuator = await openFirmataServo(
      optionsOf(),
      { ...context, connection: (state, why) => whys.push(`${state}: ${why}`) },
      board.open,
    );
    const tell = (command: SafeCommand) => actuator.write(firmataServo.encode(optionsOf())(command), command);
    tell(move(90));
    board.stuck = true;
    tell(move(91));
    tell(move(92));
    board.say(banner);
    tell(move(93));
    expect(whys).toEqual([
      expect.stringMatching(/^lost: the board restarted by itself: probably a brown-out/),
    ]);
    board.unstick();
    await turn();
    // 92 waited for the line when the board restarted, 93 came while it was lost: neither may ever be sent.
    expect(sent(board)).toEqual([limp, "f4 09 04 e9 40 0b", "f4 09 04 e9 4a 0b", limp]);
    expect(whys[1]).toMatch(/^connected/);
    expect(actuator.counts!()).toEqual({ "dropped while disconnected": 1 });
    board.say(banner.subarray(0, 3));
    expect(whys).toHaveLength(2);
    await actuator.stop();
  });

  it("is readied again after its cable was out, and not before it answers", async () => {
    const board = uno();
    const context = heardContext();
    const actuator = await openFirmataServo(optionsOf(), context, board.open);
    board.silent = true;
    board.unplug();
    context.clock.advance(100_000);
    await turn();
    expect(board.opened).toBe(2);
    expect(context.connections).toEqual(["lost"]);
    actuator.write(firmataServo.encode(optionsOf())(move(10)), move(10));
    actuator.write(firmataServo.encode(optionsOf())(release()), release());
    await turn();
    expect(sent(board)).toEqual([limp, "f4 09 01"]);
    board.silent = false;
    board.say(banner);
    await turn();
    expect(sent(board)).toEqual([limp, "f4 09 01", limp]);
    expect(context.connections).toEqual(["lost", "connected"]);
    await actuator.stop();
  });
});
