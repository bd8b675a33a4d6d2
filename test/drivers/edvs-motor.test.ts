import fc from "fast-check";
import { describe, expect, it } from "vitest";
import edvsMotor, { openEdvsMotor } from "../../drivers/edvs-motor.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const optionsOf = (given: object = {}) => edvsMotor.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  text(edvsMotor.encode(optionsOf(given))(command));

actuatorContract({
  definition: edvsMotor,
  options: { port: "contract" },
  async open(options, context) {
    const board = fakeBoard();
    return benchOf(await openEdvsMotor(options, context, board.open), board);
  },
});

describe("the motor commands of an eDVS", () => {
  it("are pulses for a servo", () => {
    expect(encode(move(1500, 1000, "pulseUs"))).toBe("!PA0=1500\n");
    expect(encode(move(0), { timer: "C", channel: 1 })).toBe("!PC1=500\n");
    expect(encode(release(), { timer: "B" })).toBe("!PB0=0\n");
    expect(() => encode(move(0.5, 1000, "duty"))).toThrow(/takes angles or pulse widths, not duty/);
  });

  it("are hundredths for a wheel, permanent or leaky", () => {
    const wheel = { output: "wheel", channel: 1, velocity: "leaky" };
    expect(encode(move(0.5, 1000, "duty"), wheel)).toBe("!MVD1=50\n");
    expect(encode(move(-0.5, 1000, "duty"), { ...wheel, velocity: "permanent" })).toBe("!MV1=-50\n");
    expect(encode(move(-0.001, 1000, "duty"), wheel)).toBe("!MVD1=0\n");
    expect(encode(release(), wheel)).toBe("!MV1=0\n");
    expect(() => encode(move(90), wheel)).toThrow(/takes duty .* not deg/);
  });

  it("never ask for more than all of a motor", () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (duty) => {
        const [, value] =
          /^!MVD0=(-?\d+)\n$/.exec(
            encode(move(duty, 1000, "duty"), { output: "wheel", velocity: "leaky" }),
          ) ?? [];
        expect(Math.abs(Number(value) - duty * 100)).toBeLessThanOrEqual(0.5);
      }),
    );
  });
});

describe("opening", () => {
  it.each([
    [{}, "!PA=20000\n", 1],
    [{ timer: "B", periodUs: 15_000 }, "!PB=15000\n", 1],
    [{ output: "wheel" }, "!MV0=0\n!M+\n", 1],
    [{ output: "wheel", velocity: "leaky" }, "!MV0=0\n!M+\n", 0],
  ])(
    "%o readies the output without moving it, again after a loss, and warns where nothing fails safe",
    async (given, line, warnings) => {
      const board = fakeBoard();
      const context = heardContext();
      const actuator = await openEdvsMotor(optionsOf(given), context, board.open);
      expect(board.frames.map(text)).toEqual([line]);
      expect(context.notices).toHaveLength(warnings);
      board.unplug();
      context.clock.advance(100_000);
      await turn();
      expect(context.connections).toEqual(["lost", "connected"]);
      expect(board.frames.map(text)).toEqual([line, line]);
      await actuator.stop();
    },
  );

  it("is not disturbed by the camera's events on the same line", async () => {
    const board = fakeBoard();
    const context = heardContext();
    const actuator = await openEdvsMotor(optionsOf(), context, board.open);
    board.say(Uint8Array.from({ length: 4096 }, (_, i) => (i * 37) & 255));
    actuator.write(edvsMotor.encode(optionsOf())(move(90)), move(90));
    expect(board.frames.map(text).at(-1)).toBe("!PA0=1500\n");
    expect(context.connections).toEqual([]);
    await actuator.stop();
  });
});
