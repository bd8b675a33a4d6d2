import fc from "fast-check";
import { describe, expect, it } from "vitest";
import lineTemplate, { openLineTemplate } from "../../drivers/line-template.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const bytes = (line: string) => new TextEncoder().encode(line);
const lines = { template: "S{channel}:{value}\n", release: "S{channel}:off\n" };
const optionsOf = (given: object = {}) => lineTemplate.options.parse({ port: "test", ...lines, ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  new TextDecoder().decode(lineTemplate.encode(optionsOf(given))(command));

actuatorContract({
  definition: lineTemplate,
  options: { port: "contract", ...lines },
  async open(options, context) {
    const board = fakeBoard();
    return benchOf(await openLineTemplate(options, context, board.open), board);
  },
});

describe("a template", () => {
  it("is filled in", () => {
    expect(encode(move(90), { channel: 3 })).toBe("S3:90\n");
    expect(encode(move(90), { channel: "pan" })).toBe("Span:90\n");
    expect(encode(release(), { channel: 3 })).toBe("S3:off\n");
    expect(encode(move(90), { template: "{value} {value} {sequence}\r\n" })).toMatch(/^90 90 \d+\r\n$/);
    expect(encode(move(90), { channel: "$&" })).toBe("S$&:90\n");
    expect(encode(move(90), { channel: "{value}" })).toBe("S{value}:90\n");
    expect(encode(release(), { release: "V{value}\n" })).toBe("V0\n");
  });

  it("rounds, scales and takes every unit", () => {
    expect(encode(move(45), { scale: 10, offset: 5 })).toBe("S0:455\n");
    expect(encode(move(-0.04), { decimals: 1 })).toBe("S0:0.0\n");
    expect(encode(move(1500.26, 1000, "pulseUs"), { decimals: 1 })).toBe("S0:1500.3\n");
    expect(encode(move(0.5, 1000, "duty"), { scale: 255 })).toBe("S0:128\n");
    expect(encode(move(-12.5, 1000, "degPerS"), { decimals: 2 })).toBe("S0:-12.50\n");
  });

  it("never sends a number outside its range, nor one that a line can't hold", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1000, max: 1000, noNaN: true }),
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: -500, max: 0 }),
        fc.integer({ min: 1, max: 500 }),
        (value, scale, decimals, minValue, maxValue) => {
          fc.pre(scale !== 0);
          const line = encode(move(value), { scale, decimals, minValue, maxValue });
          expect(line).toMatch(/^S0:-?\d+(\.\d+)?\n$/);
          expect(line).not.toMatch(/^S0:-0(\.0+)?\n$/);
          const sent = Number(line.slice(3));
          expect(sent).toBeGreaterThanOrEqual(minValue);
          expect(sent).toBeLessThanOrEqual(maxValue);
        },
      ),
    );
    expect(encode(move(1000), { scale: 1000 })).toBe("S0:32767\n");
  });

  it.each([
    [{ template: "S{channel}\n" }, /must hold \{value\}/],
    [{ template: "{value} {speed}\n" }, /knows no \{speed\}; there are \{channel\}, \{value\}, \{sequence\}/],
    [{ release: "{off}" }, /knows no \{off\}/],
    [{ minValue: 5, maxValue: 5 }, /must be above minValue/],
    [{ minValue: 0.5 }, /more than 0 decimals/],
    [{ scale: 0 }, /must not be 0/],
  ])("refuses %o", (given, why) => {
    expect(() => optionsOf(given)).toThrow(why);
  });
});

describe("a board with a banner", () => {
  it("is waited for at the opening, and is lost when it says it again", async () => {
    const board = fakeBoard({ banner: bytes("hello 1.0\r\n") });
    const context = heardContext();
    const actuator = await openLineTemplate(optionsOf({ banner: "hello" }), context, board.open);
    board.say(bytes("ok\nsay hello\n"));
    expect(context.connections).toEqual([]);
    board.say(bytes("hel"));
    board.say(bytes("lo 1.0\r\n"));
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    await actuator.stop();
  });

  it("is not waited for longer than 2.5 s", async () => {
    const context = heardContext();
    let open = false;
    const opening = openLineTemplate(optionsOf({ banner: "hello" }), context, fakeBoard().open).then(
      (actuator) => {
        open = true;
        return actuator;
      },
    );
    await turn();
    context.clock.advance(2_499_999);
    await turn();
    expect(open).toBe(false);
    context.clock.advance(2_500_000);
    await (await opening).stop();
  });

  it("is disarmed when it says that it has stopped by itself", async () => {
    const board = fakeBoard();
    const context = heardContext();
    const actuator = await openLineTemplate(optionsOf(), context, board.open);
    board.say(bytes("!failsafe 500 ms\r\n"));
    expect(context.asked).toEqual(["disarm"]);
    expect(context.notices[1]).toBe("pan: the board says: !failsafe 500 ms; disarmed");
    await actuator.stop();
  });
});
