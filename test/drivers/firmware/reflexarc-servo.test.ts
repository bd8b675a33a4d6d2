/** Our firmware, the committed .hex, on an emulated ATmega328P: what its pins do when it is spoken to, and when it isn't. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import lineTemplate, { openLineTemplate } from "../../../drivers/line-template.ts";
import serialLine, { openSerialLine } from "../../../drivers/serial-line.ts";
import type { Actuator } from "../../../src/stage.ts";
import { AvrBoard, together } from "../../support/avr.ts";
import { heardContext } from "../../support/driver-contract.ts";
import { GuardBench } from "../../support/guard-bench.ts";
import { move, release } from "../../support/safe.ts";
import { root } from "../../support/world.ts";

const hex = readFileSync(join(root, "drivers/firmware/reflexarc-servo.hex"), "utf8");
const [pan, tilt] = [9, 10];
const silenceUs = 500_000;

/** Within the resolution of the timer: half a microsecond, and an instruction. */
const isAbout = (widthUs: number | undefined, us: number) => Math.abs(widthUs! - us) < 0.7;

/** A board that has started. */
function started(): AvrBoard {
  const board = new AvrBoard(hex);
  board.run(10_000);
  expect(board.said).toBe("!reset reflexarc-servo 1\r\n");
  board.said = "";
  return board;
}

/** Says lines and answers what the board says within 5 ms. */
function answers(board: AvrBoard, lines: string): string {
  board.said = "";
  board.hear(lines);
  board.run(5000 + lines.length * 100);
  return board.said;
}

test("pulses are what our driver asks for, to the microsecond, on both channels", async () => {
  const board = started();
  const context = heardContext();
  for (const [channel, pin] of [
    [0, pan],
    [1, tilt],
  ] as const) {
    const options = serialLine.options.parse({ port: "avr", channel });
    const actuator = await openSerialLine(options, context, board.open);
    const encode = serialLine.encode(options);
    for (const [angle, us] of [
      [0, 500],
      [45, 1000],
      [90, 1500],
      [135, 2000],
      [180, 2500],
    ] as const) {
      const command = move(angle);
      actuator.write(encode(command), command);
      await together(board, [context.clock], 60_000);
      expect(board.widthUs(pin), `${angle} degrees`).toSatisfy((width: number) => isAbout(width, us));
    }
    const end = release();
    actuator.write(encode(end), end);
    await together(board, [context.clock], 40_000);
    const count = board.pulses(pin).length;
    board.run(100_000);
    expect(board.pulses(pin).length).toBe(count);
    const stopping = actuator.stop();
    await together(board, [context.clock], 600_000);
    await stopping;
  }
  expect(board.said).toBe("");
  const periods = board.pulses(pan).map(({ atUs }, i, all) => atUs - (all[i - 1]?.atUs ?? atUs - 20_000));
  expect(Math.max(...periods.map((us) => Math.abs(us - 20_000)))).toBeLessThan(1);
});

test("no pulse comes before the first line, and each one is whole", () => {
  const board = started();
  board.run(200_000);
  expect([board.pulses(pan), board.pulses(tilt)]).toEqual([[], []]);
  for (const [us, runUs] of [
    [1500, 33_000],
    [0, 27_000],
    [1200, 41_000],
    [0, 20_500],
    [1200, 3000],
    [0, 40_000],
  ] as const) {
    board.hear(`#0P${us}\r`);
    board.run(runUs);
  }
  const widths = board.pulses(pan).map(({ widthUs }) => widthUs);
  expect(widths.length).toBeGreaterThan(2);
  expect(widths.filter((us) => !isAbout(us, 1500) && !isAbout(us, 1200))).toEqual([]);
});

describe("silence", () => {
  test("ends the pulses after 500 ms, says so once, and the next line begins anew", () => {
    const board = started();
    answers(board, "#0P1500#1P1000\r");
    const saidUs = board.nowUs;
    board.run(900_000);
    expect(board.said).toBe("!failsafe 0\r\n!failsafe 1\r\n");
    for (const pin of [pan, tilt]) {
      const last = board.pulses(pin).at(-1)!;
      expect(last.atUs + last.widthUs - saidUs).toBeGreaterThan(silenceUs - 30_000);
      expect(last.atUs + last.widthUs - saidUs).toBeLessThan(silenceUs + 20_000);
    }
    expect(answers(board, "#0P1600\r")).toBe("");
    board.run(50_000);
    expect(isAbout(board.widthUs(pan), 1600)).toBe(true);
  });

  test("is each servo's own: one that is spoken to does not keep the other alive", () => {
    const board = started();
    answers(board, "#0P1500#1P1500\r");
    for (let i = 0; i < 10; i++) {
      board.hear("#0P1500\r");
      board.run(100_000);
    }
    expect(board.said).toBe("!failsafe 1\r\n");
    expect(board.pulses(pan).length - board.pulses(tilt).length).toBeGreaterThan(20);
  });

  test("counts lines that are refused, and noise, as silence", () => {
    const board = started();
    answers(board, "#0P1500\r");
    for (let i = 0; i < 10; i++) {
      board.hear("#0P9000\r~~~\r?\r");
      board.run(100_000);
    }
    expect(board.said).toContain("!failsafe 0\r\n");
  });
});

describe("lines", () => {
  test.each([
    ["?\r", "ok reflexarc-servo 1\r\n"],
    ["#0P1500\r", ""],
    ["#0 P1500 #1p2500\r\n", ""],
    ["#0P1500N7\r", "ok 7\r\n"],
    ["#0P0\r", ""],
    ["#0P499\r", "err range\r\n"],
    ["#1P2501\r", "err range\r\n"],
    ["#0P65537\r", "err syntax\r\n"],
    ["#2P1500\r", "err channel\r\n"],
    ["#0P\r", "err syntax\r\n"],
    ["#0P1500S10\r", "err syntax\r\n"],
    ["#0P1500#1P9\r", "err range\r\n"],
    ["P1500\r", "err syntax\r\n"],
    [`#0P1500${" ".repeat(80)}\r`, "err line\r\n"],
    ["\r\n\r\n", ""],
  ])("%j is answered %j", (line, answer) => {
    expect(answers(started(), line)).toBe(answer);
  });

  test("a line with a mistake moves nothing at all", () => {
    const board = started();
    answers(board, "#0P1500#1P9\r");
    board.run(100_000);
    expect(board.pulses(pan)).toEqual([]);
  });

  test("a number that doesn't rise is stale, but a stop is obeyed; numbers wrap, and begin anew after a stop", () => {
    const board = started();
    expect(answers(board, "#0P1500N65535\r")).toBe("ok 65535\r\n");
    expect(answers(board, "#0P1600N0\r")).toBe("ok 0\r\n");
    expect(answers(board, "#0P1700N0\r")).toBe("err sequence\r\n");
    expect(answers(board, "#0P1700N65535\r")).toBe("err sequence\r\n");
    expect(answers(board, "#1P1700N5\r")).toBe("ok 5\r\n");
    board.run(50_000);
    expect(isAbout(board.widthUs(pan), 1600)).toBe(true);
    expect(answers(board, "#0P0N0\r")).toBe("ok 0\r\n");
    const count = board.pulses(pan).length;
    board.run(60_000);
    expect(board.pulses(pan).length - count).toBeLessThan(2);
    expect(answers(board, "#0P1800N0\r")).toBe("ok 0\r\n");
    board.run(50_000);
    expect(isAbout(board.widthUs(pan), 1800)).toBe(true);
  });

  test("garbage costs at most the line that it is in", () => {
    const board = started();
    answers(board, "\u0000\u00ff#0P15zz\u0007#\r");
    expect(answers(board, "#0P1500\r")).toBe("");
    board.run(50_000);
    expect(isAbout(board.widthUs(pan), 1500)).toBe(true);
  });
});

test("a restart ends the pulses and is told", () => {
  const board = started();
  answers(board, "#0P1500\r");
  board.run(50_000);
  const count = board.pulses(pan).length;
  board.reset();
  board.run(200_000);
  expect(board.said).toBe("!reset reflexarc-servo 1\r\n");
  expect(board.pulses(pan).length - count).toBeLessThan(2);
});

test("a driver that listens hears the board stop by itself, and restart", async () => {
  const board = new AvrBoard(hex);
  const faults: string[] = [];
  const context = { ...heardContext(), fault: (why: string) => faults.push(why) };
  const pass = (us: number) => together(board, [context.clock], us);
  const options = lineTemplate.options.parse({
    port: "avr listened to",
    template: "#{channel}P{value}N{sequence}\r",
    release: "#{channel}P0\r",
    banner: "!reset",
    scale: 2000 / 180,
    offset: 500,
  });
  let actuator: Actuator | undefined;
  void openLineTemplate(options, context, board.open).then((one) => {
    actuator = one;
  });
  await pass(50_000);
  const command = move(45);
  actuator!.write(lineTemplate.encode(options)(command), command);
  await pass(100_000);
  expect(isAbout(board.widthUs(pan), 1000)).toBe(true);
  expect(board.said).toMatch(/ok \d+\r\n$/);
  await pass(500_000);
  expect(faults).toEqual([expect.stringContaining("!failsafe 0")]);
  expect(context.connections).toEqual([]);
  board.reset();
  await pass(100_000);
  expect(context.connections[0]).toBe("lost");
});

describe("behind the guard process", () => {
  /** A live run in mid-motion, its guard process and the board, all in one virtual time. */
  async function moving() {
    const board = started();
    const bench = await GuardBench.armed({ openPort: board.open });
    const pass = (forMs: number) => bench.pass(forMs, () => board.run(1000));
    await pass(500);
    expect(board.pulses(pan).length).toBeGreaterThan(20);
    const startUs = board.nowUs;
    const lastPulseMs = () => {
      const last = board.pulses(pan).at(-1)!;
      return (last.atUs + last.widthUs - startUs) / 1000;
    };
    return { board, bench, pass, lastPulseMs };
  }

  test("a killed run is released: the frame is on the line within 250 ms, the pulses end with it", async () => {
    const { board, bench, pass, lastPulseMs } = await moving();
    const count = bench.frames.length;
    bench.killRun();
    await pass(500);
    expect(bench.frames.slice(count).map(({ us }) => us)).toEqual([0]);
    expect(lastPulseMs()).toBeLessThan(25);
    expect(board.said).toBe("");
  });

  test("a stopped run is released within 250 ms", async () => {
    const { bench, pass, lastPulseMs } = await moving();
    bench.run.stopped = true;
    await pass(500);
    expect(bench.frames.at(-1)!.us).toBe(0);
    expect(lastPulseMs()).toBeGreaterThan(180);
    expect(lastPulseMs()).toBeLessThan(250);
  });

  test("run and guard killed together: the board itself ends the pulses within 520 ms", async () => {
    const { board, bench, pass, lastPulseMs } = await moving();
    const count = bench.frames.length;
    bench.killGuard();
    bench.killRun();
    await pass(800);
    expect(bench.frames.length).toBe(count);
    expect(lastPulseMs()).toBeGreaterThan(450);
    expect(lastPulseMs()).toBeLessThan(520);
    expect(board.said).toBe("!failsafe 0\r\n");
  });
});
