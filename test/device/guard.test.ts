/** The guard process from outside: whoever is killed or stopped, the servo is released in time, and nothing late moves it. */

import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import {
  type Cable,
  controlProbe,
  endPeers,
  eventually,
  followWith,
  type LiveRun,
  longEye,
  pause,
  plugCable,
  startLive,
  untilEnd,
} from "../support/peers.ts";

afterEach(endPeers);

/** Longest time from a fault to the failsafe frame on the line, on a quiet machine. */
const failsafeMsMax = 250;
const isRelease = (text: string) => /#0P0\r$/.test(text);

/** A live run whose servo moves, with the process that guards it. */
async function moving(options: object = {}): Promise<{ cable: Cable; run: LiveRun; guard: number }> {
  const cable = await plugCable();
  const run = startLive(followWith({ pan: { use: "serial-line", port: cable.path, ...options } }, longEye));
  await eventually(`motion ${run.stderr()}`, () => cable.chunks.length > 50);
  const guard = Number(readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, "utf8"));
  expect(guard).toBeGreaterThan(1);
  untilEnd(() => {
    // It ends with its run; if it didn't, it may be stopped.
    try {
      process.kill(guard, "SIGKILL");
    } catch {}
  });
  return { cable, run, guard };
}

/** Does `fault`, and answers after how many milliseconds the release was on the line; reports it beside the probe. */
async function msToRelease(what: string, cable: Cable, fault: () => void): Promise<number> {
  const before = cable.chunks.length;
  const probe = controlProbe();
  const startMs = performance.now();
  fault();
  const release = await eventually(`a release after ${what}`, () =>
    cable.chunks.slice(before).find(({ text }) => isRelease(text)),
  );
  const tookMs = release.atMs - startMs;
  const lateMs = probe();
  process.stdout.write(
    `${what}: released after ${tookMs.toFixed(0)} ms (control probe ${lateMs.toFixed(0)} ms late)\n`,
  );
  return Math.max(0, tookMs - lateMs);
}

/** The line stays as it is for so long. */
async function expectSilence(cable: Cable, forMs: number): Promise<void> {
  const before = cable.chunks.length;
  await pause(forMs);
  expect(cable.chunks.slice(before)).toEqual([]);
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("SIGKILL of the run: the guard releases at once, and ends", async () => {
  const { cable, run, guard } = await moving();
  expect(await msToRelease("SIGKILL", cable, () => run.child.kill("SIGKILL"))).toBeLessThan(failsafeMsMax);
  await eventually("the guard's end", () => !alive(guard));
  await expectSilence(cable, 300);
});

test("SIGKILL of the run, with the failsafe home: the guard brings it there at its own pace, then ends", async () => {
  const limits = { minDeg: 0, maxDeg: 180, homeDeg: 0, slewDegPerS: 60 };
  const { cable, run, guard } = await moving({ failsafe: "home", limits });
  const before = cable.chunks.length;
  run.child.kill("SIGKILL");
  await eventually("the guard's end", () => !alive(guard));
  await pause(100);
  const way = cable.chunks.slice(before);
  const text = way.map((chunk) => chunk.text).join("");
  const widths = [...text.matchAll(/#0P(\d+)\r/g)].map(([, us]) => Number(us));
  expect(widths.at(-1)).toBe(500);
  expect(widths[0]).toBeGreaterThan(700);
  const atLeastMs = ((widths[0]! - 500) / (2000 / 180) / 60) * 1000;
  expect(way.at(-1)!.atMs - way[0]!.atMs).toBeGreaterThan(atLeastMs * 0.9);
  expect(widths).toEqual([...widths].sort((a, b) => b - a));
});

test("SIGSTOP of the run: released within the deadline, and nothing moves when it goes on", async () => {
  const { cable, run } = await moving();
  expect(await msToRelease("SIGSTOP", cable, () => run.child.kill("SIGSTOP"))).toBeLessThan(failsafeMsMax);
  await expectSilence(cable, 3000);
  run.child.kill("SIGCONT");
  await expectSilence(cable, 1500);
  run.child.kill("SIGTERM");
  expect(await run.ended).toEqual({ code: 0, signal: null });
  expect(run.stderr()).toMatch(/the guard heard nothing for 2\d\d ms/);
  expect(run.summary().stages.find(({ id }) => id === "pan")?.counts).toMatchObject({ "trip: stall": 1 });
});

test("SIGTERM of the run: released, exit code 0", async () => {
  const { cable, run, guard } = await moving();
  expect(await msToRelease("SIGTERM", cable, () => run.child.kill("SIGTERM"))).toBeLessThan(failsafeMsMax);
  expect(await run.ended).toEqual({ code: 0, signal: null });
  await eventually("the guard's end", () => !alive(guard));
});

test("Ctrl+C reaches the guard too, which leaves the ending to the run", async () => {
  const { cable, run, guard } = await moving();
  process.kill(guard, "SIGINT");
  process.kill(guard, "SIGHUP");
  const before = cable.chunks.length;
  await eventually("motion still", () => cable.chunks.length > before + 10);
  run.child.kill("SIGINT");
  expect(await run.ended).toEqual({ code: 0, signal: null });
  expect(isRelease(cable.text())).toBe(true);
});

test("SIGKILL of the guard: the run ends with exit code 70 and says so", async () => {
  const { cable, run, guard } = await moving();
  process.kill(guard, "SIGKILL");
  expect(await run.ended).toEqual({ code: 70, signal: null });
  const before = cable.chunks.length;
  await pause(200);
  expect(cable.chunks.length).toBe(before);
  expect(run.summary().errors[0]).toMatchObject({
    kind: "guard",
    what: expect.stringMatching(
      /^the guard process is gone: (it was ended by SIGKILL|the line to it closed)$/,
    ),
  });
});

test("SIGSTOP of the guard for 3 s: the run gives it up, and no stale command reaches the wire", async () => {
  const { cable, run, guard } = await moving();
  process.kill(guard, "SIGSTOP");
  await pause(100);
  const before = cable.chunks.length;
  expect(await run.ended).toEqual({ code: 70, signal: null });
  expect(run.summary().errors[0]?.what).toBe("the guard process is gone: it does not answer");
  await pause(2000);
  process.kill(guard, "SIGCONT");
  await eventually("the guard's end", () => !alive(guard));
  // The cable may hand over the last bytes after their writer is gone.
  const after = () =>
    cable.chunks
      .slice(before)
      .map(({ text }) => text)
      .join("");
  await eventually("a release", after);
  await pause(200);
  expect(after()).toMatch(/^(#0P0\r)+$/);
});
