import fc from "fast-check";
import { describe, expect, it } from "vitest";
import lx16a, { type LxPacket, lxCommands, lxPacket, lxReader, openLx16a } from "../../drivers/lx-16a.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, hexOf, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const optionsOf = (given: object = {}) => lx16a.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) => hexOf(lx16a.encode(optionsOf(given))(command));

/** A servo that answers what it is asked; the frames it takes are one packet each, or two for a move. */
function servo() {
  const values: Record<number, number[]> = {
    [lxCommands.position]: [0xf4, 0x01],
    [lxCommands.heat]: [41],
    [lxCommands.voltage]: [0x4c, 0x1d],
    [lxCommands.isLoaded]: [1],
  };
  const answer = (frame: Uint8Array) => {
    const [, , id, , command] = frame;
    const params = values[command!];
    return id === 1 && params ? lxPacket(1, command!, params) : undefined;
  };
  return { values, answer };
}

async function opened(given: object = {}) {
  const device = servo();
  const board = fakeBoard({ answer: device.answer, echoes: true });
  const context = heardContext();
  const actuator = await openLx16a(optionsOf(given), context, board.open);
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      context.clock.advance(context.clock.nowUs() + 50_000);
      await turn();
    }
  };
  return { ...device, board, context, actuator, polls };
}

actuatorContract({
  // The contract knows no digits in names.
  definition: { ...lx16a, name: "lx" },
  options: { port: "contract" },
  async open(options, context) {
    const board = fakeBoard({ answer: servo().answer });
    return benchOf(await openLx16a(options, context, board.open), board);
  },
});

describe("the bytes of an LX servo", () => {
  it("are those of the vendor's library", () => {
    expect(hexOf(lxPacket(1, 1, [0xf4, 0x01, 0xe8, 0x03]))).toBe("55 55 01 07 01 f4 01 e8 03 16");
    expect(hexOf(lxPacket(1, 28))).toBe("55 55 01 03 1c df");
    expect(hexOf(lxPacket(1, 31, [0]))).toBe("55 55 01 04 1f 00 db");
  });

  it("turn the torque on and go to a position, or turn it off", () => {
    expect(encode(move(120), { moveMs: 1000 })).toBe("55 55 01 04 1f 01 da 55 55 01 07 01 f4 01 e8 03 16");
    expect(encode(release())).toBe("55 55 01 04 1f 00 db");
    const position = (deg: number, given: object = {}) => {
      const frame = lx16a.encode(optionsOf(given))(move(deg));
      return frame[12]! | (frame[13]! << 8);
    };
    expect([position(-5), position(0), position(240), position(300)]).toEqual([0, 0, 1000, 1000]);
    expect(position(24, { zeroPosition: 500, direction: "reversed" })).toBe(400);
    expect(() => encode(move(1500, 1000, "pulseUs"))).toThrow(/takes deg .* not pulseUs/);
  });
});

describe("reading packets", () => {
  const packet = fc.record({
    id: fc.nat(253),
    command: fc.nat(255),
    params: fc.array(fc.oneof(fc.constant(0x55), fc.nat(255)), { maxLength: 20 }),
  });
  const plain = (packets: LxPacket[]) =>
    packets.map(({ params, ...rest }) => ({ ...rest, params: [...params] }));

  it("gives back what was put together, in any cut", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 5 }), fc.integer({ min: 1, max: 30 }), (packets, size) => {
        const stream = Buffer.concat(packets.map(({ id, command, params }) => lxPacket(id, command, params)));
        const reader = lxReader();
        const read: LxPacket[] = [];
        for (let at = 0; at < stream.length; at += size)
          read.push(...reader.push(stream.subarray(at, at + size)));
        expect(plain(read)).toEqual(packets);
        expect(reader.skipped).toBe(0);
      }),
    );
  });

  it("finds the next packet after garbage and a lost byte", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        packet,
        fc.nat(30),
        (garbage, { id, command, params }, lost) => {
          const reader = lxReader();
          reader.push(garbage);
          reader.push(lxPacket(id, command, params).filter((_, i) => i !== lost));
          const good = lxPacket(7, lxCommands.position, [1, 2]);
          for (let i = 0; i < 6; i++) reader.push(good);
          expect(plain(reader.push(good))).toEqual([{ id: 7, command: lxCommands.position, params: [1, 2] }]);
        },
      ),
    );
  });
});

describe("a servo on its bus", () => {
  it("tells position, heat, voltage and torque in turn, through an echoing adapter", async () => {
    const { actuator, context, polls, values } = await opened();
    values[lxCommands.position] = [0xf6, 0xff];
    await polls(6);
    expect(actuator.readings!(0)).toEqual({ angleDeg: -2.4, temperatureC: 41, voltageV: 7.5 });
    expect(context.asked).toEqual([]);
    expect(context.notices).toEqual([expect.stringMatching(/no failsafe of their own/)]);
    await actuator.stop();
  });

  it("is disarmed when it is too hot, starved, or limp by itself", async () => {
    const { actuator, context, polls, values } = await opened({ voltageMinV: 6 });
    values[lxCommands.heat] = [80];
    await polls(6);
    values[lxCommands.voltage] = [0x88, 0x13];
    await polls(6);
    actuator.write(lx16a.encode(optionsOf())(move(10)), move(10));
    values[lxCommands.isLoaded] = [0];
    await polls(12);
    expect(context.asked).toEqual(["disarm", "disarm", "disarm"]);
    expect(context.notices.slice(1)).toEqual([
      expect.stringMatching(/too hot: 80 degrees C/),
      expect.stringMatching(/bad supply: 5.0 V/),
      expect.stringMatching(/its torque went off by itself/),
    ]);
    await actuator.stop();
  });

  it("is lost when it falls silent", async () => {
    const { actuator, board, context, polls } = await opened();
    board.silent = true;
    await polls(12);
    expect(context.connections).toEqual(["lost"]);
    board.silent = false;
    context.clock.advance(context.clock.nowUs() + 1_000_000);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    await actuator.stop();
  });
});
