import fc from "fast-check";
import { describe, expect, it } from "vitest";
import grbl, { grblReply, openGrbl } from "../../drivers/grbl.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { benchOf } from "../support/board-bench.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { fakeBoard, turn } from "../support/fake-board.ts";
import { move, release } from "../support/safe.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const bytes = (line: string) => Uint8Array.from(Buffer.from(line, "latin1"));
const optionsOf = (given: object = {}) => grbl.options.parse({ port: "test", ...given });
const encode = (command: SafeCommand, given: object = {}) => text(grbl.encode(optionsOf(given))(command));

const banner = bytes("\r\nGrbl 1.1h ['$' for help]\r\n");

function machine() {
  const device = {
    status: "<Idle|MPos:0.000,0.000,0.000|FS:0,0>",
    answer(frame: Uint8Array): Uint8Array | undefined {
      const line = text(frame);
      if (line === "?") return bytes(`${device.status}\r\n`);
      if (line === "\x18") return banner;
      return line.startsWith("$J=") ? bytes("ok\r\n") : undefined;
    },
  };
  return device;
}

async function opened(given: object = {}) {
  const device = machine();
  const board = fakeBoard({ answer: device.answer, banner });
  const context = heardContext();
  const actuator = await openGrbl(optionsOf(given), context, board.open);
  const tell = (command: SafeCommand) => actuator.write(grbl.encode(optionsOf(given))(command), command);
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      context.clock.advance(context.clock.nowUs() + 100_000);
      await turn();
    }
  };
  const moves = () => board.frames.map(text).filter((line) => line !== "?");
  return { device, board, context, actuator, tell, polls, moves };
}

actuatorContract({
  definition: grbl,
  options: { port: "contract" },
  async open(options, context) {
    const board = fakeBoard({ answer: machine().answer, banner });
    return benchOf(await openGrbl(options, context, board.open), board);
  },
});

describe("Grbl's lines", () => {
  it("jog to a machine position, or cancel", () => {
    expect(encode(move(12.3456))).toBe("$J=G53G21X12.346F21600\n");
    expect(encode(move(90), { axis: "Y", mmPerDeg: -0.5, zeroMm: 100, feedDegPerS: 60 })).toBe(
      "$J=G53G21Y55.000F1800\n",
    );
    expect(encode(move(-0.0001))).toBe("$J=G53G21X0.000F21600\n");
    expect(encode(release())).toBe("\x85");
    expect(encode(release(), { onRelease: "reset" })).toBe("\x18");
    expect(() => encode(move(1, 1000, "pulseUs"))).toThrow(/takes deg .* not pulseUs/);
    expect(() => optionsOf({ mmPerDeg: 0 })).toThrow(/must not be 0/);
  });

  it("say a number that Grbl reads back to a thousandth, however large", () => {
    fc.assert(
      fc.property(fc.double({ min: -1000, max: 1000, noNaN: true }), (deg) => {
        const [, mm] = /^\$J=G53G21X(-?\d+\.\d{3})F\d+\n$/.exec(encode(move(deg))) ?? [];
        expect(Math.abs(Number(mm) - deg)).toBeLessThanOrEqual(0.00051);
      }),
    );
  });

  it("are told apart", () => {
    expect(grblReply("ok")).toEqual({ kind: "ok" });
    expect(grblReply("error:15")).toEqual({ kind: "error", code: "15" });
    expect(grblReply("ALARM:1")).toEqual({ kind: "alarm", code: "1" });
    expect(grblReply("Grbl 1.1h ['$' for help]")).toEqual({ kind: "banner" });
    expect(grblReply("<Hold:1|WPos:-1.500,2.000,0.000|Bf:15,128|WCO:1.000,0.000,0.000>")).toEqual({
      kind: "status",
      state: "Hold:1",
      wpos: [-1.5, 2, 0],
      wco: [1, 0, 0],
    });
    expect(grblReply("<Idle|MPos:1,x,3>")).toEqual({ kind: "status", state: "Idle" });
    for (const line of ["", "OK", "okay", "error:", "[MSG:Reset to continue]", "<Idle", "<>", "<a<b>>"])
      expect(grblReply(line)).toEqual({ kind: "other" });
  });
});

describe("a Grbl on its line", () => {
  it("is waited for, asked, and not moved", async () => {
    const { board, context, actuator } = await opened();
    expect(board.frames.map(text)).toEqual(["?"]);
    expect(context.connections).toEqual([]);
    await actuator.stop();
  });

  it.each([
    ["<Jog|MPos:45.000,10.000,0.000|FS:100,0>", {}, 45],
    ["<Jog|MPos:45.000,10.000,0.000|FS:100,0>", { axis: "Y", mmPerDeg: 0.5, zeroMm: 5 }, 10],
    ["<Run|WPos:40.000,0.000,0.000|WCO:5.000,0.000,0.000>", {}, 45],
  ])("tells its place from %s with %o", async (status, given, angleDeg) => {
    const { device, actuator, polls } = await opened(given);
    device.status = status;
    await polls(1);
    device.status = status.replace(/\|WCO[^>]*/, "");
    await polls(1);
    expect(actuator.readings!(0)).toEqual({ angleDeg });
    await actuator.stop();
  });

  it("has one jog on the line until it said ok, and the newest after it", async () => {
    const { board, tell, moves, actuator } = await opened();
    board.answer = () => undefined;
    for (const deg of [1, 2, 3]) tell(move(deg));
    expect(moves()).toEqual(["$J=G53G21X1.000F21600\n"]);
    board.say(bytes("o"));
    board.say(bytes("k\r\n"));
    expect(moves()).toEqual(["$J=G53G21X1.000F21600\n", "$J=G53G21X3.000F21600\n"]);
    expect(actuator.counts!()).toEqual({ "replaced by a newer one": 1 });
    await actuator.stop();
  });

  it("goes on after a lost ok, and a release waits for none", async () => {
    const { board, context, tell, moves, actuator } = await opened();
    board.answer = () => undefined;
    tell(move(1));
    tell(move(2));
    context.clock.advance(40_000);
    await turn();
    expect(moves()).toHaveLength(2);
    tell(move(3));
    tell(release());
    expect(moves().slice(2)).toEqual(["\x85"]);
    await actuator.stop();
  });

  it("moves two axes of one board, whose oks look alike", async () => {
    const board = fakeBoard({ answer: machine().answer, banner });
    const [pan, tilt] = [heardContext("pan"), heardContext("tilt")];
    const first = await openGrbl(optionsOf(), pan, board.open);
    const second = await openGrbl(optionsOf({ axis: "Y" }), tilt, board.open);
    board.answer = () => undefined;
    board.frames.length = 0;
    first.write(bytes("$J=a\n"), move(1));
    second.write(bytes("$J=b\n"), move(1));
    first.write(bytes("$J=c\n"), move(1));
    const said = () => board.frames.map(text).join("");
    expect(said()).toBe("$J=a\n");
    board.say(bytes("ok\r\n"));
    expect(said()).toBe("$J=a\n$J=b\n");
    board.say(bytes("ok\r\n"));
    expect(said()).toBe("$J=a\n$J=b\n$J=c\n");
    await first.stop();
    await second.stop();
  });

  it("is lost when it restarts in mid-stream, and comes back disarmed", async () => {
    const { board, context, actuator } = await opened();
    board.say(banner);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    await actuator.stop();
  });

  it("is not lost when a release resets it", async () => {
    const { board, context, tell, moves, actuator } = await opened({ onRelease: "reset" });
    tell(release());
    expect(moves()).toEqual(["\x18"]);
    expect(context.connections).toEqual([]);
    board.say(banner);
    expect(context.connections[0]).toBe("lost");
    await turn();
    await actuator.stop();
  });

  it.each([
    ["ALARM:1\r\n", /Grbl's alarm 1\. .*\$H/],
    ["error:9\r\n", /refused a move with its error 9\./],
  ])("is disarmed at %j", async (line, why) => {
    const { board, context, actuator } = await opened();
    board.say(bytes(line));
    board.say(bytes(line));
    expect(context.asked).toEqual(["disarm"]);
    expect(context.notices.at(-1)).toMatch(why);
    await actuator.stop();
  });

  it("is disarmed when it holds, once, and again after it worked in between", async () => {
    const { device, context, actuator, polls } = await opened();
    device.status = "<Hold:0|MPos:0.000,0.000,0.000>";
    await polls(3);
    expect(context.asked).toHaveLength(1);
    device.status = "<Idle|MPos:0.000,0.000,0.000>";
    await polls(1);
    device.status = "<Door:1|MPos:0.000,0.000,0.000>";
    await polls(3);
    expect(context.asked).toHaveLength(2);
    expect(context.notices.at(-1)).toMatch(/in its state Door:1/);
    await actuator.stop();
  });

  it("refuses to open in an alarm", async () => {
    const device = machine();
    device.status = "<Alarm|MPos:0.000,0.000,0.000>";
    const board = fakeBoard({ answer: device.answer, banner });
    await expect(openGrbl(optionsOf(), heardContext(), board.open)).rejects.toThrow(
      /Grbl is in its state Alarm \(test\)\. Look what holds it; then home it \(\$H\)/,
    );
    expect(board.closed).toBe(1);
  });
});
