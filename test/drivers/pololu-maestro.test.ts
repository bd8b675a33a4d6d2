import fc from "fast-check";
import { describe, expect, it } from "vitest";
import pololuMaestro, { crc7, openPololuMaestro } from "../../drivers/pololu-maestro.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { bytesOf, fakeBoard, hexOf, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const optionsOf = (given: object = {}) => pololuMaestro.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  hexOf(pololuMaestro.encode(optionsOf(given))(command));
const pulse = (us: number) => move(us, 1000, "pulseUs");

/** A Maestro that keeps targets and errors, as the manual says; it hears compact and Pololu's protocol alike. */
function maestro() {
  const device = {
    targets: [] as number[],
    errors: 0,
    answer(frame: Uint8Array): Uint8Array | undefined {
      const own = frame[0] === 0xaa ? frame.subarray(2) : frame;
      if (frame[0] === 0xaa && frame[1] !== 12) return;
      const [command, channel, low, high] = own;
      if ((command! & 0x7f) === 0x04) device.targets[channel!] = low! | (high! << 7);
      const word =
        (command! & 0x7f) === 0x21
          ? device.errors
          : (command! & 0x7f) === 0x10
            ? (device.targets[channel!] ?? 0)
            : undefined;
      if ((command! & 0x7f) === 0x21) device.errors = 0;
      return word === undefined ? undefined : Uint8Array.of(word & 255, word >> 8);
    },
  };
  return device;
}

async function opened(given: object = {}) {
  const device = maestro();
  const board = fakeBoard({ answer: device.answer });
  const context = heardContext();
  const actuator = await openPololuMaestro(optionsOf(given), context, board.open);
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      context.clock.advance(context.clock.nowUs() + 50_000);
      await turn();
    }
  };
  return { device, board, context, actuator, polls };
}

for (const protocol of ["compact", "pololu", "mini-ssc"])
  actuatorContract({
    definition: pololuMaestro,
    options: { port: `contract ${protocol}`, protocol },
    async open(options, context) {
      const board = fakeBoard({ answer: maestro().answer });
      return benchOf(await openPololuMaestro(options, context, board.open), board);
    },
  });

describe("a Maestro's bytes", () => {
  it("are those of the manual", () => {
    expect(encode(pulse(1500))).toBe("84 00 70 2e");
    expect(encode(pulse(1500), { protocol: "pololu" })).toBe("aa 0c 04 00 70 2e");
    expect(encode(pulse(1500), { protocol: "pololu", device: 3, channel: 5 })).toBe("aa 03 04 05 70 2e");
    expect(encode(release(), { channel: 2 })).toBe("84 02 00 00");
    expect(encode(release(), { channel: 2, protocol: "pololu" })).toBe("aa 0c 04 02 00 00");
  });

  it("have the CRC of the manual", () => {
    expect(crc7([0x83, 0x01])).toBe(0x17);
    expect(encode(pulse(1500), { crc: true })).toBe("84 00 70 2e 2b");
    expect(encode(pulse(1500), { crc: true, protocol: "pololu" })).toBe("aa 0c 04 00 70 2e 22");
  });

  it("are three in mini-ssc, never with a CRC, and the end of the pulses is said in compact", () => {
    const mini = { protocol: "mini-ssc", channel: 3 };
    expect(encode(pulse(1500), mini)).toBe("ff 03 7f");
    expect(encode(pulse(1500 + 476.25), { ...mini, crc: true })).toBe("ff 03 fe");
    expect(encode(pulse(600), mini)).toBe("ff 03 00");
    expect(encode(pulse(2400), mini)).toBe("ff 03 fe");
    expect(encode(release(), mini)).toBe("84 03 00 00");
  });

  it("hold the pulse to a quarter microsecond, within 14 bits, whatever is asked", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 64, max: 4095, noNaN: true }),
        fc.double({ min: 1, max: 9999, noNaN: true }),
        (maxUs, asked) => {
          fc.pre(maxUs !== 64);
          const frame = pololuMaestro.encode(optionsOf({ minUs: 64, maxUs }))(pulse(asked));
          expect(frame.every((byte, i) => i === 0 || byte < 0x80)).toBe(true);
          const told = (frame[2]! | (frame[3]! << 7)) / 4;
          expect(Math.abs(told - Math.min(Math.max(asked, 64), maxUs))).toBeLessThanOrEqual(0.125);
        },
      ),
    );
    expect(() => optionsOf({ maxUs: 4096 })).toThrow(/14 bits of quarter microseconds/);
    expect(() => optionsOf({ minUs: 0 })).toThrow();
  });
});

describe("a Maestro on its line", () => {
  it("is asked for its errors first, moves nothing, and is said to need its timeout", async () => {
    const { board, actuator, context } = await opened();
    expect(board.frames.map(hexOf)).toEqual(["aa 0c 21"]);
    expect(context.notices).toEqual([
      expect.stringMatching(/^Set the Maestro's serial timeout .*holds its last position/),
    ]);
    await actuator.stop();
  });

  it("tells its position, and none while it gives no pulses", async () => {
    const { actuator, polls } = await opened();
    await polls(1);
    expect(actuator.readings!(0)).toEqual({ pulseUs: 0 });
    actuator.write(pololuMaestro.encode(optionsOf())(move(45)), move(45));
    await polls(1);
    expect(actuator.readings!(0)).toEqual({ pulseUs: 1000, angleDeg: 45 });
    await actuator.stop();
  });

  it("is disarmed by each of its errors, once, and by a timeout with its reason", async () => {
    const { device, actuator, context, polls } = await opened();
    await polls(8);
    expect(context.asked).toEqual([]);
    device.errors = 0b100001;
    await polls(8);
    expect(context.asked).toEqual(["disarm"]);
    expect(context.notices[1]).toMatch(
      /reports: serial signal error, serial timeout: it heard nothing .*; disarmed/,
    );
    for (let bit = 0; bit < 9; bit++) {
      device.errors = 1 << bit;
      await polls(8);
    }
    expect(context.asked).toHaveLength(10);
    await actuator.stop();
  });

  it("never mixes up the answers of two channels, which look alike", async () => {
    const device = maestro();
    const board = fakeBoard();
    const [pan, tilt] = [heardContext("pan"), heardContext("tilt")];
    board.answer = device.answer;
    const first = await openPololuMaestro(optionsOf(), pan, board.open);
    const second = await openPololuMaestro(optionsOf({ channel: 1 }), tilt, board.open);
    device.targets = [4000, 8000];
    board.answer = () => undefined;
    pan.clock.advance(50_000);
    tilt.clock.advance(50_000);
    await turn();
    expect(board.frames.slice(2).map(hexOf)).toEqual(["aa 0c 10 00"]);
    board.say(device.answer(bytesOf("aa 0c 10 00"))!.subarray(0, 1));
    board.say(device.answer(bytesOf("aa 0c 10 00"))!.subarray(1));
    await turn();
    expect(board.frames.slice(3).map(hexOf)).toEqual(["aa 0c 10 01"]);
    board.say(device.answer(bytesOf("aa 0c 10 01"))!);
    await turn();
    expect([first.readings!(0).pulseUs, second.readings!(0).pulseUs]).toEqual([1000, 2000]);
    expect(tilt.notices).toEqual([]);
    await first.stop();
    await second.stop();
  });

  it("finds its answers again after a lost and a surplus byte", async () => {
    const { device, board, actuator, polls } = await opened();
    device.targets[0] = 6000;
    const { answer } = board;
    board.answer = (frame) => answer(frame)?.subarray(1);
    await polls(1);
    board.answer = answer;
    board.say(bytesOf("55 55 55"));
    await polls(2);
    expect(actuator.readings!(0).pulseUs).toBe(1500);
    await actuator.stop();
  });

  it("refuses to open when nothing answers", async () => {
    const context = heardContext();
    const opening = openPololuMaestro(
      optionsOf({ device: 13 }),
      context,
      fakeBoard({ answer: maestro().answer }).open,
    );
    const refused = expect(opening).rejects.toThrow(/does not answer \(test\). Check the port .*Enable CRC/);
    await turn();
    context.clock.advance(1_000_000);
    await refused;
  });
});
