import fc from "fast-check";
import { describe, expect, it } from "vitest";
import lss, { lssReply, openLss } from "../../drivers/lss.ts";
import { LineReader } from "../../drivers/wire/lines.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const text = new TextDecoder();
const bytes = (line: string) => new TextEncoder().encode(line);
const optionsOf = (given: object = {}) => lss.options.parse({ port: "test", servo: 5, ...given });
const encode = (command: SafeCommand, given: object = {}) =>
  text.decode(lss.encode(optionsOf(given))(command));

function servo() {
  const values: Record<string, number> = { QD: 900, Q: 6, QT: 351, QV: 11_980, QC: 140 };
  const answer = (frame: Uint8Array) => {
    const [, id, query] = /^#(\d+)(Q[A-Z]*)\r$/.exec(text.decode(frame)) ?? [];
    return id === "5" && query! in values ? bytes(`*5${query}${values[query!]}\r`) : undefined;
  };
  return { values, answer };
}

async function opened(given: object = {}) {
  const device = servo();
  const board = fakeBoard({ answer: device.answer, echoes: true });
  const context = heardContext();
  const actuator = await openLss(optionsOf(given), context, board.open);
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      context.clock.advance(context.clock.nowUs() + 50_000);
      await turn();
    }
  };
  return { ...device, board, context, actuator, polls };
}

actuatorContract({
  definition: lss,
  options: { port: "contract", servo: 5 },
  async open(options, context) {
    const board = fakeBoard({ answer: servo().answer });
    return benchOf(await openLss(options, context, board.open), board);
  },
});

describe("LSS lines", () => {
  it("say tenths of a degree, or limp", () => {
    expect(encode(move(180))).toBe("#5D1800\r");
    expect(encode(move(-90.04))).toBe("#5D-900\r");
    expect(encode(release())).toBe("#5L\r");
    expect(encode(move(10), { zeroPosition: 450, direction: "reversed" })).toBe("#5D350\r");
    expect(() => encode(move(1500, 1000, "pulseUs"))).toThrow(/takes deg .* not pulseUs/);
  });

  it("answer with the servo, the query and a number", () => {
    expect(lssReply("*5QD1800")).toEqual({ id: 5, query: "QD", value: 1800 });
    expect(lssReply("*254QD-1")).toEqual({ id: 254, query: "QD", value: -1 });
    expect(lssReply("*5Q6")).toEqual({ id: 5, query: "Q", value: 6 });
    for (const line of ["", "#5QD", "*5QD", "*QD5", "*5QDx", "*5XD12", "*9999QD1", "*5QD12345678"])
      expect(lssReply(line)).toBeUndefined();
  });

  it("are read in any cut, and found again after garbage and endless lines", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), fc.integer({ min: 1, max: 7 }), (garbage, size) => {
        const reader = new LineReader();
        reader.push(garbage);
        const stream = bytes("\r*5QD1800\r\n*5Q6\r");
        const lines: string[] = [];
        for (let at = 0; at < stream.length; at += size)
          lines.push(...reader.push(stream.subarray(at, at + size)));
        expect(lines.slice(-2)).toEqual(["*5QD1800", "*5Q6"]);
      }),
    );
    const reader = new LineReader();
    expect(reader.push(new Uint8Array(1_000_000).fill(0x41))).toEqual([]);
    expect(reader.push(bytes("\rnext\r"))).toEqual(["next"]);
    expect(reader.push(bytes("\x1b[2Jred\x07\n"))).toEqual(["[2Jred"]);
  });
});

describe("a servo on its bus", () => {
  it("tells place, heat, supply and current in turn", async () => {
    const { actuator, context, polls } = await opened();
    await polls(8);
    expect(actuator.readings!(0)).toEqual({
      angleDeg: 90,
      temperatureC: 35.1,
      voltageV: 11.98,
      currentA: 0.14,
    });
    expect(context.asked).toEqual([]);
    expect(context.notices).toEqual([expect.stringMatching(/no failsafe of their own/)]);
    await actuator.stop();
  });

  it.each([
    [8, /stuck/],
    [9, /blocked/],
    [10, /safe mode/],
  ])("is disarmed in its state %i", async (state, why) => {
    const { values, actuator, context, polls } = await opened();
    values.Q = state;
    await polls(16);
    expect(context.asked).toEqual(["disarm"]);
    expect(context.notices[1]).toMatch(why);
    await actuator.stop();
  });

  it("is disarmed when it went limp by itself, as after a brown-out", async () => {
    const { values, actuator, context, polls } = await opened();
    values.Q = 1;
    await polls(16);
    expect(context.asked).toEqual([]);
    actuator.write(lss.encode(optionsOf())(move(10)), move(10));
    await polls(16);
    expect(context.asked).toEqual(["disarm"]);
    await actuator.stop();
  });
});
