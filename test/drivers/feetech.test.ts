import fc from "fast-check";
import { describe, expect, it } from "vitest";
import feetech, { openFeetech } from "../../drivers/feetech.ts";
import { protocol1 } from "../../drivers/wire/dynamixel.ts";
import { signMagnitude, toSignMagnitude } from "../../drivers/wire/words.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { busServo, instructionsIn } from "../support/bus-servo.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, hexOf, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const optionsOf = (given: object = {}) => feetech.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  instructionsIn(feetech.encode(optionsOf(given))(command), 1);

async function opened(given: object = {}) {
  const servo = busServo(1, 1);
  servo.registers[33] = "mode" in given ? 1 : 0;
  const board = fakeBoard({ answer: servo.answer, echoes: true });
  const context = heardContext();
  const actuator = await openFeetech(optionsOf(given), context, board.open);
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      context.clock.advance(context.clock.nowUs() + 50_000);
      await turn();
    }
  };
  return { servo, board, context, actuator, polls };
}

for (const series of ["sts", "scs"])
  actuatorContract({
    definition: feetech,
    options: { port: `contract ${series}`, series },
    async open(options, context) {
      const board = fakeBoard({ answer: busServo(1, 1).answer });
      return benchOf(await openFeetech(options, context, board.open), board);
    },
  });

describe("Feetech's bytes", () => {
  it("are framed as in Dynamixel's protocol 1.0", () => {
    expect(hexOf(protocol1.write(1, 41, [50, 0x00, 0x08, 0, 0, 0xe8, 0x03]))).toBe(
      "ff ff 01 0a 03 29 32 00 08 00 00 e8 03 a3",
    );
    expect(hexOf(protocol1.read(1, 56, 2))).toBe("ff ff 01 04 02 38 02 be");
    expect(hexOf(protocol1.write(1, 40, [0]))).toBe("ff ff 01 04 03 28 00 cf");
  });

  it("have the low byte first for STS and the high byte first for SCS", () => {
    expect(encode(move(135))).toEqual([
      { id: 254, instruction: 0x83, params: [40, 1, 1, 1] },
      { id: 254, instruction: 0x83, params: [42, 2, 1, 0x00, 0x06] },
    ]);
    expect(encode(move(225), { series: "scs", servo: 7 })).toEqual([
      { id: 254, instruction: 0x83, params: [40, 1, 7, 1] },
      { id: 254, instruction: 0x83, params: [42, 2, 7, 0x03, 0x00] },
    ]);
    expect(encode(release())).toEqual([{ id: 254, instruction: 0x83, params: [40, 1, 1, 0] }]);
  });

  it("give a speed a sign bit, not two's complement", () => {
    const speed = (degPerS: number, given: object = {}) =>
      encode(move(degPerS, 1000, "degPerS"), { mode: "velocity", ...given })[1]!.params;
    expect(speed(90)).toEqual([46, 2, 1, 0x00, 0x04]);
    expect(speed(-90)).toEqual([46, 2, 1, 0x00, 0x84]);
    expect(speed(90, { direction: "reversed" })).toEqual([46, 2, 1, 0x00, 0x84]);
    expect(() => encode(move(1), { mode: "velocity" })).toThrow(/takes degPerS/);
    expect(() => optionsOf({ series: "scs", mode: "velocity" })).toThrow(/angles only/);
  });

  it("never write 128 to the torque switch, which would re-zero an arm", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1000, max: 1000, noNaN: true }),
        fc.constantFrom("sts", "scs"),
        (deg, series) => {
          for (const command of [move(deg), release()])
            for (const { params } of encode(command, { series })) {
              const [address, length] = params;
              const touches = address! <= 40 && address! + length! > 40;
              if (touches) expect([0, 1]).toContain(params[3 + 40 - address!]);
            }
        },
      ),
    );
  });

  it("turn signs there and back", () => {
    fc.assert(
      fc.property(fc.integer({ min: -32_767, max: 32_767 }), (value) => {
        expect(signMagnitude(toSignMagnitude(value, 15), 15)).toBe(value);
      }),
    );
    expect(signMagnitude(0x8000, 15)).toBe(-0);
    expect([signMagnitude(0x0fff, 11), signMagnitude(0x07ff, 11)]).toEqual([-2047, 2047]);
    expect(toSignMagnitude(-99_999, 15)).toBe(0xffff);
  });
});

describe("reading back", () => {
  it.each([
    ["sts", [0x00, 0x04, 0x64, 0x80, 0x2c, 0x05], [0x0a, 0x80], 90, (-100 * 360) / 4096],
    ["scs", [0x02, 0x00, 0x80, 0x64, 0x05, 0x2c], [0x80, 0x0a], 150, (-100 * 300) / 1024],
  ])(
    "an %s servo tells position, speed, load, voltage, heat and current",
    async (series, block, current, deg, speed) => {
      const { servo, actuator, context, polls } = await opened({ series });
      servo.set(56, [...block, 121, 38]);
      servo.set(69, current);
      await polls(1);
      expect(actuator.readings!(0)).toEqual({
        angleDeg: deg,
        speedDegPerS: speed,
        load: -0.3,
        voltageV: 12.1,
        temperatureC: 38,
        currentA: -0.065,
      });
      expect(context.asked).toEqual([]);
      expect(context.notices).toEqual([expect.stringMatching(/no bus watchdog/)]);
      await actuator.stop();
    },
  );

  it("disarms at each error that the servo reports, and names it", async () => {
    const { servo, actuator, context, polls } = await opened();
    servo.error = 0b100110;
    await polls(3);
    expect(context.asked).toEqual(["disarm"]);
    expect(context.notices[1]).toBe("pan: the servo reports: encoder failed, too hot, overload; disarmed");
    await actuator.stop();
  });

  it("disarms when the torque went off by itself, and not when it was released", async () => {
    const { servo, actuator, context, polls } = await opened();
    const tell = (command: SafeCommand) => actuator.write(feetech.encode(optionsOf())(command), command);
    tell(move(10));
    await polls(8);
    tell(release());
    await polls(8);
    expect([servo.registers[40], context.asked]).toEqual([0, []]);
    tell(move(10));
    servo.registers[40] = 0;
    await polls(8);
    expect(context.asked).toEqual(["disarm"]);
    await actuator.stop();
  });
});

describe("opening", () => {
  it("refuses a servo in wheel mode that is to be told angles, and the other way round", async () => {
    const servo = busServo(1, 1);
    const board = fakeBoard({ answer: servo.answer });
    const open = (given: object) => openFeetech(optionsOf(given), heardContext(), board.open);
    await expect(open({ mode: "velocity" })).rejects.toThrow(
      /in mode 0, which takes no velocity.*register 33 to 1/,
    );
    servo.registers[33] = 1;
    await expect(open({})).rejects.toThrow(/in mode 1, which takes no position.*register 33 to 0/);
    expect(
      board.frames.flatMap((frame) => instructionsIn(frame, 1)).every(({ instruction }) => instruction === 2),
    ).toBe(true);
    await (await open({ mode: "velocity" })).stop();
  });
});
