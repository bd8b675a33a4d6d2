/** The guard process in virtual time: the bytes of a healthy run, and the failsafe within its bound under every fault. */

import { describe, expect, test } from "vitest";
import serialLine from "../../drivers/serial-line.ts";
import { guardActuator } from "../../src/pipeline/guarded.ts";
import { type BenchChoices, type Frame, GuardBench } from "../support/guard-bench.ts";

/** 11.1 us of pulse a degree, 300 degrees a second: 67 us a frame of 20 ms. */
const usPerFrame = (300 / 50) * (2000 / 180);
const moves = (frames: readonly Frame[]) => frames.filter(({ us }) => us > 0);
const firstRelease = (bench: GuardBench, from: number) =>
  bench.frames.slice(from).find(({ us }) => us === 0)?.atMs ?? Number.NaN;

/** The bytes that a guard in the same process gives for the same wishes. */
function bytesInOneProcess(forMs: number, want: (atMs: number) => number): number[] {
  const written: number[] = [];
  const options = serialLine.options.parse({ port: "none" });
  const guarded = guardActuator({
    id: "pan",
    guard: {
      limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300, startDegPerS: 300 },
      failsafe: "release",
      watchdogMs: 200,
      everyUs: 20_000,
      keepAliveMs: 100,
    },
    selfArming: false,
    encode: serialLine.encode(options),
    actuator: {
      write: (frame) => written.push(Number(/P(\d+)/.exec(Buffer.from(frame).toString())![1])),
      stop: async () => {},
    },
  });
  guarded.begin(0);
  guarded.request("arm");
  for (let toUs = 20_000; toUs <= forMs * 1000; toUs += 20_000) {
    const commands = [
      {
        atUs: toUs,
        name: "aim",
        value: want(toUs / 1000),
        unit: "deg",
        ttlUs: 100_000,
        sequence: toUs,
      } as const,
    ];
    guarded.step({ fromUs: toUs - 20_000, toUs, commands });
  }
  return written;
}

const sweep = (atMs: number) => 90 + 60 * Math.sin(atMs / 400);

describe("a healthy run", () => {
  test.each<[string, BenchChoices]>([
    ["on time", {}],
    ["up to 39 ms late, and early again", { lateMs: (atMs) => (atMs % 300 < 100 ? 39 : atMs % 7) }],
    ["at half speed", { speed: 0.5 }],
  ])("%s gives the bytes of a run in one process, and its trace tells them", async (_name, choices) => {
    const bench = await GuardBench.armed({ want: sweep, ...choices });
    await bench.pass(2000 / (choices.speed ?? 1) + 50);
    const written = bench.frames.map(({ us }) => us);
    const expected = bytesInOneProcess(2000, sweep);
    expect(expected.length).toBeGreaterThan(90);
    expect(written.slice(0, expected.length)).toEqual(expected);
    const told = bench.records.flatMap(({ record }) =>
      record.wire ? [Buffer.from(record.wire, "hex").toString()] : [],
    );
    expect(told).toEqual(bench.frames.map(({ us }) => `#0P${us}\r`));
    expect(bench.records.flatMap(({ record }) => record.guard ?? [])).toEqual(["armed"]);
  });

  test("ends in the failsafe at its own end, and everything is let go of", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(500);
    let stopped = false;
    void bench.actuator.stop().then(() => {
      stopped = true;
    });
    await bench.pass(5);
    expect(bench.frames.at(-1)?.us).toBe(0);
    await bench.pass(1000);
    expect(stopped).toBe(true);
    expect(bench.actuator.commandsSent).toBe(bench.frames.length);
    bench.process.close();
    await bench.host.ended;
    expect(bench.lost).toBeUndefined();
  });

  test("without a trace says nothing of single commands, and answers often enough to be known alive", async () => {
    const bench = await GuardBench.armed({ traced: false });
    await bench.pass(2000);
    expect(bench.records).toEqual([]);
    expect(bench.toRun.sent.filter(({ say }) => say === "record")).toEqual([]);
    expect(bench.reachedUs.at(-1)).toBeGreaterThanOrEqual(1_960_000);
    expect(bench.actuator.commandsSent).toBeGreaterThan(90);
    expect(bench.lost).toBeUndefined();
  });

  test("sends heartbeats only while armed", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(1000);
    const beats = () => bench.toGuard.sent.filter(({ say }) => say === "beat").length;
    expect(beats()).toBe(50);
    bench.actuator.request("disarm");
    await bench.pass(1000);
    expect(beats()).toBe(50);
  });

  test("wakes the guard by what it says, and the guard itself has nothing to look after", async () => {
    const bench = await GuardBench.armed({ traced: false });
    let woken = 0;
    const { clock } = bench.guard;
    const { at } = clock;
    clock.at = (timeUs, wake) =>
      at(timeUs, () => {
        woken += 1;
        wake();
      });
    await bench.pass(2000);
    expect(woken).toBeLessThanOrEqual(2);
  });

  test("sends plain commands and no more", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(100);
    const steps = bench.toGuard.sent.filter((message) => message.say === "step");
    expect(steps.flatMap(({ commands }) => commands.map((command) => Object.keys(command).join()))).toContain(
      "atUs,name,value,unit,ttlUs,sequence",
    );
    expect(steps.every(({ fromUs, toUs }) => toUs > fromUs)).toBe(true);
  });
});

test("a command between two grid points is sent at once, a tick there is not", async () => {
  const bench = await GuardBench.armed();
  const tick = (fromUs: number, toUs: number) => ({ fromUs, toUs, commands: [] });
  bench.actuator.step(tick(0, 21_000));
  const count = bench.toGuard.sent.length;
  bench.actuator.step(tick(21_000, 22_000));
  expect(bench.toGuard.sent.length).toBe(count);
  const command = { atUs: 23_000, name: "aim", value: 1, unit: "deg", ttlUs: 1000, sequence: 0 } as const;
  bench.actuator.step({ fromUs: 22_000, toUs: 23_000, commands: [command] });
  expect(bench.toGuard.sent.slice(count)).toEqual([
    { say: "step", id: "pan", fromUs: 21_000, toUs: 23_000, commands: [command] },
  ]);
});

describe("a run that is killed", () => {
  test("is released at once", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(1000);
    const [count, atMs] = [bench.frames.length, bench.wall.nowUs() / 1000];
    bench.killRun();
    await bench.pass(3000);
    expect(bench.frames.slice(count)).toEqual([{ atMs, us: 0 }]);
    await bench.host.ended;
  });

  test("goes home at the pace of its limits, in life", async () => {
    const guard = {
      failsafe: "home",
      limits: { minDeg: 0, maxDeg: 180, homeDeg: 0, slewDegPerS: 100 },
    } as const;
    const bench = await GuardBench.armed({ guard, want: () => 90 });
    await bench.pass(3000);
    expect(bench.frames.at(-1)!.us).toBe(1500);
    const count = bench.frames.length;
    let endedMs = Number.NaN;
    void bench.host.ended.then(() => {
      endedMs = bench.wall.nowUs() / 1000;
    });
    bench.killRun();
    await bench.pass(2500);
    expect(endedMs).toBeGreaterThanOrEqual(bench.frames.at(-1)!.atMs);
    const way = bench.frames.slice(count);
    expect(way.at(-1)!.us).toBe(500);
    expect(way.at(-1)!.atMs - way[0]!.atMs).toBeGreaterThan(850);
    for (let i = 1; i < way.length; i++) {
      const allowedUs = (way[i]!.atMs - way[i - 1]!.atMs) * 0.1 * (2000 / 180);
      expect(way[i - 1]!.us - way[i]!.us).toBeLessThanOrEqual(allowedUs + 1.5);
    }
    await bench.host.ended;
  });
});

describe("a run that is stopped", () => {
  test.each(["messages", "timers"] as const)(
    "for 3 s is released within 220 ms, and stays so (%s first)",
    async (first) => {
      const bench = await GuardBench.armed();
      await bench.pass(1000);
      const [count, startMs] = [bench.frames.length, bench.wall.nowUs() / 1000];
      bench.run.stopped = true;
      await bench.pass(3000);
      const released = firstRelease(bench, count) - startMs;
      expect(released).toBeGreaterThan(190);
      expect(released).toBeLessThanOrEqual(220);
      const after = bench.frames.length;
      bench.continue(bench.run, first);
      await bench.pass(1000);
      expect(bench.frames.slice(after)).toEqual([]);
      expect(bench.actuator.state).toBe("disarmed");
      expect(bench.lost).toBeUndefined();
      expect(bench.notices.join()).toMatch(/the guard heard nothing for 2\d\d ms/);
    },
  );

  test("for 150 ms is not, and its motion is no faster for what it has missed", async () => {
    const bench = await GuardBench.armed({ want: (atMs) => (atMs < 900 ? 10 : 170) });
    await bench.pass(1000);
    bench.run.stopped = true;
    await bench.pass(150);
    bench.continue(bench.run, "messages");
    await bench.pass(1500);
    expect(bench.frames.filter(({ us }) => us === 0)).toEqual([]);
    expect(bench.reachedUs).toEqual([...bench.reachedUs].sort((a, b) => a - b));
    const all = moves(bench.frames);
    for (let i = 1; i < all.length; i++)
      for (let j = i + 1; j < Math.min(all.length, i + 10); j++) {
        const frames = (all[j]!.atMs - all[i]!.atMs) / 20;
        // The two frames of lateness that a healthy run may have, and one for the grid.
        expect(Math.abs(all[j]!.us - all[i]!.us)).toBeLessThanOrEqual((frames + 3) * usPerFrame + 1);
      }
    expect(all.at(-1)!.us).toBeCloseTo(500 + (170 / 180) * 2000, -1);
  });
});

describe("a run that lives, but says nothing", () => {
  test("is no longer followed when its command expires, and trips by the wall clock", async () => {
    const bench = await GuardBench.armed({ want: (atMs) => (atMs < 900 ? 10 : 170) });
    await bench.pass(1000);
    const [count, startMs] = [bench.frames.length, bench.wall.nowUs() / 1000];
    bench.actuator.step = () => ({ fromUs: 0, toUs: 0, commands: [] });
    await bench.pass(1000);
    const after = bench.frames.slice(count);
    const lastMove = moves(after)
      .filter(({ us }, i, all) => i > 0 && us !== all[i - 1]!.us)
      .at(-1)!;
    expect(lastMove.atMs - startMs).toBeLessThan(170);
    expect(firstRelease(bench, count) - startMs).toBeLessThanOrEqual(300);
    expect(bench.toGuard.sent.at(-1)?.say).toBe("beat");
  });

  test("is released when it says that it has stalled", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(500);
    bench.actuator.stalled();
    await bench.pass(1);
    expect(bench.frames.at(-1)?.us).toBe(0);
    expect(bench.records.at(-1)?.record).toMatchObject({ guard: "disarmed", cause: "stall", wall: true });
  });
});

describe("the guard", () => {
  test.each(["messages", "timers"] as const)(
    "stopped for 900 ms lets nothing through that waited (%s first)",
    async (first) => {
      const bench = await GuardBench.armed();
      await bench.pass(1000);
      const count = bench.frames.length;
      bench.guard.stopped = true;
      await bench.pass(900);
      expect(bench.frames.length).toBe(count);
      bench.continue(bench.guard, first);
      await bench.pass(1000);
      expect(bench.frames.slice(count).map(({ us }) => us)).toEqual([0]);
      expect(bench.lost).toBeUndefined();
    },
  );

  test("stopped for longer is given up, and told once", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(1000);
    bench.guard.stopped = true;
    await bench.pass(1100);
    expect(bench.lost).toBe("it does not answer");
    await bench.actuator.stop();
    bench.continue(bench.guard, "messages");
    await bench.pass(1000);
    await bench.host.ended;
    expect(bench.frames.at(-1)?.us).toBe(0);
  });

  test("killed is told at once, and nothing waits for it", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(1000);
    bench.killGuard();
    expect(bench.lost).toBe("the line closed");
    await bench.actuator.stop();
    await expect(
      bench.process.open(
        "tilt",
        { use: "x", options: {}, guard: {} as never, pipeline: "x", seed: 1, speed: 1, traced: true },
        { connection() {} },
      ),
    ).rejects.toMatchObject({ exitCode: 70 });
  });

  test("tells a pulled plug, and moves nothing before it is armed again", async () => {
    const bench = await GuardBench.armed();
    await bench.pass(500);
    const count = bench.frames.length;
    bench.unplug();
    await bench.pass(1000);
    expect(bench.connections).toEqual(["lost", "connected"]);
    expect(moves(bench.frames.slice(count))).toEqual([]);
    bench.actuator.request("arm");
    await bench.pass(200);
    expect(moves(bench.frames.slice(count)).length).toBeGreaterThan(3);
  });

  test("answers a driver that it can't open with the driver's error", async () => {
    const bench = await GuardBench.armed();
    const opening = bench.process.open(
      "tilt",
      { use: "nonsense", options: {}, guard: {} as never, pipeline: "x", seed: 1, speed: 1, traced: true },
      { connection() {} },
    );
    await expect(opening).rejects.toThrow(/knows no driver "nonsense"/);
  });
});
