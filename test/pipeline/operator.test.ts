/** The operator's desk: what reaches the guards, what is kept, and what is refused. */

import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { type Operated, OperatorDesk } from "../../src/pipeline/operator.ts";
import type { OperatorRequest } from "../../src/safety/command.ts";
import { anyOptions, defineActuator } from "../../src/stage.ts";
import { GuardBench } from "../support/guard-bench.ts";
import { catalogWith, runText } from "../support/world.ts";

/** A run that writes down what it is asked. */
function heard(...ids: string[]): Operated & { asked: string[] } {
  const asked: string[] = [];
  const status = () => ({ document: "test", live: true, atUs: 0, eventsIn: 0, actuators: [] });
  return { ids, asked, status, request: (id, request) => asked.push(`${id} ${request}`) };
}

describe("a request", () => {
  it("reaches every actuator, or the one that it names", () => {
    const desk = new OperatorDesk();
    const run = heard("pan", "tilt");
    desk.attend(run);
    expect(desk.ask("arm")).toEqual({ done: true });
    expect(desk.ask("disarm", "tilt")).toEqual({ done: true });
    expect(desk.ask("arm", "roll")).toEqual({
      done: false,
      why: 'there is no actuator "roll"; there are: pan, tilt',
    });
    expect(run.asked).toEqual(["pan arm", "tilt arm", "tilt disarm"]);
  });

  it("finds nobody before a run is there, and after it", () => {
    const desk = new OperatorDesk();
    const leave = desk.attend(heard("pan"));
    leave();
    expect(desk.ask("arm").done).toBe(false);
    expect(desk.status()).toBeUndefined();
  });
});

describe("an emergency stop", () => {
  it("is for all, whoever asked, and stays until it is reset", () => {
    const desk = new OperatorDesk();
    const run = heard("pan", "tilt");
    desk.attend(run);
    desk.ask("emergency-stop", "tilt");
    expect(run.asked.splice(0)).toEqual(["pan emergency-stop", "tilt emergency-stop"]);
    for (const only of [undefined, "pan"]) expect(desk.ask("arm", only).done).toBe(false);
    expect(run.asked).toEqual([]);
    desk.ask("reset-emergency-stop");
    expect(desk.ask("arm").done).toBe(true);
    expect(run.asked.at(-1)).toBe("tilt arm");
  });

  it("of before the run reaches its guards before anything else does", () => {
    const desk = new OperatorDesk();
    desk.ask("emergency-stop");
    const run = heard("pan");
    desk.attend(run);
    expect(desk.ask("arm").done).toBe(false);
    expect(run.asked).toEqual(["pan emergency-stop"]);
  });

  it("that somebody holds can't be reset, and is not over when he lets go", () => {
    const desk = new OperatorDesk();
    const run = heard("pan");
    desk.attend(run);
    desk.hold("file", "the file is there");
    desk.hold("file", "the file is there");
    for (const request of ["reset-emergency-stop", "arm"] as const)
      expect(desk.ask(request)).toEqual({ done: false, why: "the file is there" });
    desk.letGo("file");
    expect(desk.ask("arm").done).toBe(false);
    expect(run.asked).toEqual(["pan emergency-stop"]);
    desk.ask("reset-emergency-stop");
    expect(desk.ask("arm").done).toBe(true);
  });
});

const text = `
stages:
  - { id: eye, use: synthetic, durationMs: 200 }
  - { id: grid, use: polarity-grid, columns: 8, rows: 8 }
  - { id: aim, use: rate, offset: 90, gain: 0.001 }
  - { id: pan, use: tester, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
  - { id: tilt, from: aim, use: tester, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`;

/** A live run with two actuators, whose channel asks for something once a command came. */
async function live(channel: OperatorRequest | undefined, desk = new OperatorDesk()) {
  const moves: string[] = [];
  const tester = defineActuator({
    name: "tester",
    about: "Writes down what it is told.",
    units: ["deg"],
    options: z.strictObject({}),
    encode: () => () => Uint8Array.of(0),
    async open(_options, { id, operator }) {
      return {
        write(_frame, { action }) {
          moves.push(`${id} ${action}`);
          if (channel && id === "pan" && action === "move") operator(channel);
        },
        async stop() {},
      };
    },
  });
  const catalog = catalogWith(anyOptions(tester));
  const ran = await runText(text, { catalog, live: true, arm: true, speed: 1, desk });
  return { ...ran, moves };
}

test("a stop over one device's own channel stops the others too", async () => {
  const { moves, summary } = await live("emergency-stop");
  expect(moves.filter((move) => move.endsWith("release")).sort()).toEqual(["pan release", "tilt release"]);
  const after = moves.slice(moves.findIndex((move) => move.endsWith("release")));
  // The grid point that was on its way is over; nothing follows.
  expect(after.filter((move) => move.endsWith("move"))).toEqual([]);
  for (const id of ["pan", "tilt"])
    expect(summary.stages.find((stage) => stage.id === id)?.counts["emergency stop"]).toBe(1);
});

test("a disarming over its own channel is its own", async () => {
  const { moves } = await live("disarm");
  expect(moves.filter((move) => move.startsWith("tilt")).length).toBeGreaterThan(5);
  expect(moves.filter((move) => move === "pan move")).toHaveLength(1);
});

test("a run that begins under a stop moves nothing, though it was told to arm", async () => {
  const desk = new OperatorDesk();
  desk.hold("file", "the file is there");
  const { moves, notices } = await live(undefined, desk);
  expect(moves.filter((move) => move.endsWith("move"))).toEqual([]);
  expect(notices).toContain("nothing is armed: the file is there");
});

test("a stop reaches a guard in its own process, which stays stopped until it is reset and armed", async () => {
  const bench = await GuardBench.armed();
  await bench.pass(500);
  bench.actuator.request("emergency-stop");
  await bench.pass(50);
  expect(bench.frames.at(-1)?.us).toBe(0);
  expect(bench.actuator.state).toBe("emergency-stopped");
  const count = bench.frames.length;
  bench.actuator.request("arm");
  await bench.pass(500);
  expect(bench.frames.length).toBe(count);
  bench.actuator.request("reset-emergency-stop");
  bench.actuator.request("arm");
  await bench.pass(500);
  expect(bench.frames.length).toBeGreaterThan(count + 10);
});

test("a signal to the guard process stops what it holds, though the run says otherwise", async () => {
  const bench = await GuardBench.armed();
  await bench.pass(500);
  bench.host.request("emergency-stop");
  await bench.pass(20);
  const count = bench.frames.length;
  expect(bench.frames.at(-1)?.us).toBe(0);
  bench.actuator.request("arm");
  await bench.pass(500);
  expect(bench.frames.length).toBe(count);
  expect(bench.actuator.state).toBe("emergency-stopped");
});
