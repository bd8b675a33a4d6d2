import fc from "fast-check";
import { describe, expect, it } from "vitest";
import dynamixel, { openDynamixel } from "../../drivers/dynamixel.ts";
import { instructions, type Protocol, protocol1, protocol2 } from "../../drivers/wire/dynamixel.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { busServo, instructionsIn, statusPacket } from "../support/bus-servo.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { type FakeBoard, fakeBoard, hexOf, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const optionsOf = (given: object = {}) => dynamixel.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) => dynamixel.encode(optionsOf(given))(command);

/** An XL430 in position mode at 90 degrees, in good health. */
function xServo() {
  const servo = busServo(2, 1);
  servo.registers[11] = 3;
  servo.set(132, [0x00, 0x04, 0, 0]);
  servo.set(144, [120, 0, 35]);
  return servo;
}

async function opened(given: object = {}, board: Partial<FakeBoard> = {}) {
  const servo = xServo();
  const fake = fakeBoard({ answer: servo.answer, ...board });
  const faults: string[] = [];
  const whys: string[] = [];
  const context = {
    ...heardContext(),
    fault: (why: string) => faults.push(why),
    connection: (state: string, why: string) => whys.push(`${state}: ${why}`),
  };
  const actuator = await openDynamixel(optionsOf(given), context, fake.open);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 10) {
      context.clock.advance(context.clock.nowUs() + 10_000);
      await turn();
    }
  };
  return { servo, board: fake, context, actuator, faults, whys, pass };
}

for (const series of ["x", "ax"])
  actuatorContract({
    definition: dynamixel,
    options: { port: `contract ${series}`, series },
    async open(options, context) {
      const servo = series === "x" ? xServo() : busServo(1, 1);
      const board = fakeBoard({ answer: servo.answer });
      return benchOf(await openDynamixel(options, context, board.open), board);
    },
  });

describe("protocol 2.0", () => {
  it("gives the vectors of the C++ SDK", () => {
    expect(hexOf(protocol2.packet(1, instructions.ping, []))).toBe("ff ff fd 00 01 03 00 01 19 4e");
    expect(hexOf(protocol2.read(1, 132, 4))).toBe("ff ff fd 00 01 07 00 02 84 00 04 00 1d 15");
    expect(hexOf(protocol2.write(1, 116, [0, 2, 0, 0]))).toBe(
      "ff ff fd 00 01 09 00 03 74 00 00 02 00 00 ca 89",
    );
    expect(hexOf(protocol2.write(1, 64, [1]))).toBe("ff ff fd 00 01 06 00 03 40 00 01 db 66");
    const both = [
      { id: 1, data: [0x96, 0, 0, 0] },
      { id: 2, data: [0xaa, 0, 0, 0] },
    ];
    expect(hexOf(protocol2.syncWrite(116, both))).toBe(
      "ff ff fd 00 fe 11 00 83 74 00 04 00 01 96 00 00 00 02 aa 00 00 00 82 87",
    );
  });

  it("stuffs, which the official Python SDK does not", () => {
    const frame = protocol2.write(1, 116, [0xff, 0xff, 0xfd, 0x00]);
    expect(hexOf(frame)).toBe("ff ff fd 00 01 0a 00 03 74 00 ff ff fd fd 00 21 e7");
    expect(instructionsIn(frame, 2)).toEqual([{ id: 1, instruction: 3, params: [116, 0, 255, 255, 253, 0] }]);
  });

  it("names the errors of a status", () => {
    expect(protocol2.errorsIn(0)).toEqual([]);
    expect(protocol2.errorsIn(0x84)).toEqual(["hardware error", "value out of range"]);
    expect([1, 2, 3, 4, 5, 6, 7].map((error) => protocol2.errorsIn(error).length)).toEqual(Array(7).fill(1));
    expect(protocol2.errorsIn(9)).toEqual(["error 9"]);
  });
});

describe("protocol 1.0", () => {
  it("gives the vectors of the manual", () => {
    expect(hexOf(protocol1.packet(1, instructions.ping, []))).toBe("ff ff 01 02 01 fb");
    expect(hexOf(protocol1.write(0xfe, 3, [1]))).toBe("ff ff fe 04 03 03 01 f6");
    expect(hexOf(protocol1.read(1, 43, 1))).toBe("ff ff 01 04 02 2b 01 cc");
    expect(hexOf(protocol1.write(1, 30, [0, 2]))).toBe("ff ff 01 05 03 1e 00 02 d6");
  });

  it("names the bits of an error", () => {
    expect(protocol1.errorsIn(0)).toEqual([]);
    expect(protocol1.errorsIn(0b100100)).toEqual(["too hot", "overload"]);
    expect(protocol1.errorsIn(0x7f)).toHaveLength(7);
  });
});

describe.each<[string, Protocol, 1 | 2]>([
  ["1.0", protocol1, 1],
  ["2.0", protocol2, 2],
])("protocol %s", (_name, protocol, version) => {
  // Many FF and FD, so that headers and stuffing occur.
  const byte = fc.oneof(fc.constantFrom(0xff, 0xfd, 0x00), fc.nat(255));
  const bytes = fc.array(byte, { maxLength: 40 });
  const status = fc.record({ id: fc.nat(0xfc), error: fc.nat(255), params: bytes });

  it("takes apart what it put together", () => {
    fc.assert(
      fc.property(fc.nat(0xfc), fc.nat(255), fc.nat(255), bytes, (id, instruction, address, data) => {
        const params = version === 1 ? [address, ...data] : [address, 0, ...data];
        fc.pre(instruction !== 0x83);
        expect(instructionsIn(protocol.packet(id, instruction, params), version)).toEqual([
          { id, instruction, params },
        ]);
      }),
    );
  });

  it("reads status packets in any cut", () => {
    fc.assert(
      fc.property(
        fc.array(status, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 })),
        (packets, cuts) => {
          const stream = Buffer.concat(
            packets.map(({ id, error, params }) => statusPacket(version, id, error, params)),
          );
          const reader = protocol.reader();
          const read = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts.length > 0 ? cuts[i % cuts.length]! : stream.length;
            read.push(...reader.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(read.map(({ params, ...rest }) => ({ ...rest, params: [...params] }))).toEqual(packets);
          expect(reader.skipped).toBe(0);
        },
      ),
    );
  });

  it("finds the next packet after garbage and after a lost byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), status, fc.nat(60), (garbage, broken, lost) => {
        const reader = protocol.reader();
        reader.push(garbage);
        reader.push(
          statusPacket(version, broken.id, broken.error, broken.params).filter((_, i) => i !== lost),
        );
        const good = statusPacket(version, 7, 0, [1, 2, 3, 4]);
        // What came before may claim up to 256 bytes more; behind those, at the latest, each packet is found.
        const read = Array.from({ length: 40 }, () => reader.push(good)).flat();
        const found = read.filter(({ id, params }) => id === 7 && params.join() === "1,2,3,4");
        expect(found.length).toBeGreaterThanOrEqual(1);
        expect(reader.push(good)).toHaveLength(1);
      }),
    );
  });

  it("takes no packet with a wrong sum", () => {
    fc.assert(
      fc.property(
        status,
        fc.nat(1000),
        fc.integer({ min: 1, max: 255 }),
        ({ id, error, params }, place, flip) => {
          const packet = statusPacket(version, id, error, params);
          packet[place % packet.length]! ^= flip;
          expect(
            protocol
              .reader()
              .push(packet)
              .filter(
                (read) =>
                  read.params.length === params.length &&
                  read.id === id &&
                  read.error === error &&
                  read.params.join() === params.join(),
              ),
          ).toEqual([]);
        },
      ),
    );
  });
});

describe("commands", () => {
  it("turn the torque on and set the goal, without an answer", () => {
    expect(instructionsIn(encode(move(45)), 2)).toEqual([
      { id: 254, instruction: 0x83, params: [64, 0, 1, 0, 1, 1] },
      { id: 254, instruction: 0x83, params: [116, 0, 4, 0, 1, 0, 2, 0, 0] },
    ]);
    expect(instructionsIn(encode(release()), 2)).toEqual([
      { id: 254, instruction: 0x83, params: [64, 0, 1, 0, 1, 0] },
    ]);
    expect(instructionsIn(encode(move(150), { series: "ax", servo: 5 }), 1)).toEqual([
      { id: 254, instruction: 0x83, params: [24, 1, 5, 1] },
      { id: 254, instruction: 0x83, params: [30, 2, 5, 0x00, 0x02] },
    ]);
  });

  it("keep to the servo's range, its zero and its direction", () => {
    const goal = (deg: number, given: object = {}) => {
      const params = instructionsIn(encode(move(deg), given), 2)[1]!.params;
      return params[5]! + 256 * params[6]!;
    };
    expect([goal(-10), goal(360), goal(180)]).toEqual([0, 4095, 2048]);
    expect(goal(90, { zeroPosition: 2048 })).toBe(3072);
    expect(goal(90, { zeroPosition: 2048, direction: "reversed" })).toBe(1024);
  });

  it("give speeds to a servo in velocity mode, backwards too", () => {
    const speed = move(-137.4, 1000, "degPerS");
    const [, goal] = instructionsIn(encode(speed, { mode: "velocity" }), 2);
    expect(goal!.params).toEqual([104, 0, 4, 0, 1, 0x9c, 0xff, 0xff, 0xff]);
    expect(() => encode(speed)).toThrow(/takes deg with these options, not degPerS. Give its limits in Deg/);
    expect(() => encode(move(1), { mode: "velocity" })).toThrow(/takes degPerS/);
    expect(() => optionsOf({ series: "ax", mode: "velocity" })).toThrow(/angles only/);
    expect(() => optionsOf({ busWatchdogMs: 140 })).toThrow(/three times pollMs/);
  });
});

describe("opening", () => {
  it("sets the bus watchdog and moves nothing", async () => {
    const { servo, board, actuator, context } = await opened();
    expect(servo.registers[98]).toBe(25);
    expect([servo.registers[64], servo.registers[116]]).toEqual([0, 0]);
    expect(board.frames.flatMap((frame) => instructionsIn(frame, 2)).map(({ params }) => params[0])).toEqual([
      11, 98, 98, 98, 98,
    ]);
    expect(context.notices).toEqual([]);
    await actuator.stop();
  });

  it("says so when there is no watchdog, and works without", async () => {
    const servo = xServo();
    servo.fixed.add(98);
    const board = fakeBoard({ answer: servo.answer });
    const context = heardContext();
    const actuator = await openDynamixel(optionsOf(), context, board.open);
    expect(context.notices).toEqual([expect.stringMatching(/no bus watchdog/)]);
    for (let i = 0; i < 20; i++) {
      context.clock.advance(context.clock.nowUs() + 50_000);
      await turn();
    }
    expect(context.connections).toEqual([]);
    await actuator.stop();
  });

  it("refuses a servo in another mode, and one that is silent", async () => {
    const servo = xServo();
    servo.registers[11] = 1;
    const board = fakeBoard({ answer: servo.answer });
    await expect(openDynamixel(optionsOf(), heardContext(), board.open)).rejects.toThrow(
      /operating mode 1, which takes no position \(test, servo 1\). Set its register 11 to 3/,
    );
    expect(board.closed).toBe(1);
    const context = heardContext();
    const silent = openDynamixel(optionsOf(), context, fakeBoard().open);
    const refused = expect(silent).rejects.toThrow(/does not answer \(test\). Check its power/);
    await turn();
    context.clock.advance(1_000_000);
    await refused;
  });
});

describe("reading back", () => {
  it.each([false, true])("shows position, speed, load, heat and voltage (echo: %s)", async (echoes) => {
    const { servo, board, actuator, faults, whys, pass } = await opened({}, { echoes });
    servo.set(126, [0x38, 0xff]);
    servo.set(128, [0xfe, 0xff, 0xff, 0xff]);
    await pass(50);
    const { load, angleDeg, speedDegPerS, voltageV, temperatureC } = actuator.readings!(0) as Record<
      string,
      number
    >;
    expect({ load, angleDeg, voltageV, temperatureC }).toEqual({
      load: -0.2,
      angleDeg: 90,
      voltageV: 12,
      temperatureC: 35,
    });
    expect(speedDegPerS).toBeCloseTo(-2.748, 9);
    actuator.write(encode(move(45)), move(45));
    await pass(1000);
    expect([faults, whys]).toEqual([[], []]);
    expect(board.frames.length).toBeLessThan(30);
    await actuator.stop();
  });

  it("reads an AX servo, whose load has its sign in bit 10", async () => {
    const servo = busServo(1, 1);
    servo.set(24, [1]);
    servo.set(36, [0x00, 0x02, 0, 0, 0x64, 0x04, 111, 41]);
    const board = fakeBoard({ answer: servo.answer, echoes: true });
    const context = heardContext();
    const actuator = await openDynamixel(optionsOf({ series: "ax" }), context, board.open);
    expect(context.notices).toEqual([expect.stringMatching(/AX servo has no bus watchdog/)]);
    context.clock.advance(50_000);
    await turn();
    const { angleDeg, ...others } = actuator.readings!(0);
    expect(angleDeg).toBeCloseTo((512 * 300) / 1023, 9);
    expect(others).toEqual({ load: -0.1, voltageV: 11.1, temperatureC: 41 });
    await actuator.stop();
  });

  it("lets nothing onto the bus between a question and its answer", async () => {
    const { board, actuator, servo, pass } = await opened();
    board.answer = () => undefined;
    await pass(50);
    const before = board.frames.length;
    actuator.write(encode(move(10)), move(10));
    expect(board.frames.length).toBe(before);
    board.say(servo.answer(board.frames.at(-1)!)!);
    expect(board.frames.length).toBe(before + 1);
    await actuator.stop();
  });
});

describe("faults", () => {
  it("disarm at a stall that lasts, and are told once", async () => {
    const { servo, actuator, faults, context, pass } = await opened();
    servo.set(126, [0xe8, 0x03]);
    await pass(900);
    expect(faults).toEqual([]);
    await pass(300);
    expect(faults).toEqual([expect.stringMatching(/^stalled: its load has been 100 % for 1000 ms/)]);
    await pass(2000);
    expect(faults).toHaveLength(1);
    servo.set(126, [0, 0]);
    await pass(200);
    servo.set(126, [0x18, 0xfc]);
    await pass(1500);
    expect(faults).toHaveLength(2);
    expect(context.notices[0]).toMatch(/^pan: stalled: .*; disarmed$/);
    await actuator.stop();
  });

  it("disarm at heat, at a bad supply and at what the servo reports", async () => {
    const { servo, actuator, faults, pass } = await opened({ voltageMinV: 10, voltageMaxV: 13 });
    servo.set(144, [120, 0, 70]);
    await pass(100);
    servo.set(144, [95, 0, 35]);
    await pass(100);
    servo.set(144, [120, 0, 35]);
    servo.error = 0x80;
    servo.set(70, [0b100100]);
    await pass(200);
    expect(faults).toEqual([
      "too hot: 70 degrees C, the limit is 70",
      "bad supply: 9.5 V, the limits are 10 and 13 V",
      "the servo reports: hardware error, too hot, overload",
    ]);
    await actuator.stop();
  });

  it("disarm as an operator would, where nobody takes faults", async () => {
    const servo = xServo();
    servo.set(144, [120, 0, 99]);
    const board = fakeBoard({ answer: servo.answer });
    const context = heardContext();
    const actuator = await openDynamixel(optionsOf(), context, board.open);
    context.clock.advance(50_000);
    await turn();
    expect(context.asked).toEqual(["disarm"]);
    await actuator.stop();
  });

  it("see a servo whose torque went off by itself", async () => {
    const servo = busServo(1, 1);
    const board = fakeBoard({ answer: servo.answer });
    const context = heardContext();
    const actuator = await openDynamixel(optionsOf({ series: "ax" }), context, board.open);
    const pass = async (polls: number) => {
      for (let i = 0; i < polls; i++) {
        context.clock.advance(context.clock.nowUs() + 50_000);
        await turn();
      }
    };
    await pass(5);
    actuator.write(encode(move(10), { series: "ax" }), move(10));
    await pass(5);
    expect(context.asked).toEqual([]);
    servo.registers[24] = 0;
    await pass(2);
    expect(context.asked).toEqual(["disarm"]);
    await actuator.stop();
  });

  it.each([
    [0xff, /^lost: the servo's bus watchdog has tripped/],
    [0, /^lost: the servo restarted by itself: probably a brown-out/],
  ])("see a watchdog register of %i, set it anew and come back disarmed", async (value, why) => {
    const { servo, actuator, whys, pass } = await opened();
    servo.registers[98] = value;
    await pass(300);
    expect(whys).toEqual([expect.stringMatching(why), "connected: the device answers again"]);
    expect(servo.registers[98]).toBe(25);
    await actuator.stop();
  });

  it("let go of a servo before its tripped watchdog is cleared: its goal is of long ago", async () => {
    const servo = xServo();
    servo.registers[64] = 1;
    servo.registers[98] = 0xff;
    const written: string[] = [];
    const answer = (frame: Uint8Array) => {
      for (const { instruction, params } of instructionsIn(frame, 2))
        if (instruction === 0x83) written.push(`${params[0]} = ${params[5]}`);
      return servo.answer(frame);
    };
    const actuator = await openDynamixel(optionsOf(), heardContext(), fakeBoard({ answer }).open);
    expect(written).toEqual(["64 = 0", "98 = 0", "98 = 25"]);
    await actuator.stop();
  });

  it("see a servo that falls silent, and let no move through until it answers", async () => {
    const { servo, board, actuator, whys, pass } = await opened();
    board.silent = true;
    await pass(150);
    expect(whys).toEqual([]);
    await pass(50);
    expect(whys).toEqual(["lost: the device does not answer any more"]);
    actuator.write(encode(move(45)), move(45));
    await pass(3000);
    board.silent = false;
    await pass(1500);
    expect(whys).toEqual([
      "lost: the device does not answer any more",
      "connected: the device answers again",
    ]);
    expect(servo.registers[64]).toBe(0);
    expect(actuator.counts!()).toMatchObject({ "dropped while disconnected": 1 });
    await actuator.stop();
  });
});
