/** Faults of a real serial port and of a busy process: how soon the servo is released, and that nothing late moves it. */

import { closeSync, constants, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  controlProbe,
  endPeers,
  eventually,
  followWith,
  longEye,
  pause,
  plugCable,
  startLive,
  startLiveWith,
  temporaryFolder,
} from "../support/peers.ts";

afterEach(endPeers);

/** Longest time from a fault to the failsafe frame on the line, on a quiet machine. */
const failsafeMsMax = 250;
/** Long enough for a busy machine to start a run. */
const patienceMs = 60_000;
/** Bytes in hexadecimal, with spaces between them. */
const spelt = (bytes: Buffer) => bytes.toString("hex").replace(/(..)/g, "$1 ");
const isRelease = (text: string) => /#0P0\r$/.test(text);
const moving = (text: string) => /#0P[1-9]\d*\r/.test(text);

test("a busy loop of 3 s in the run: the guard releases within the deadline, and nothing moves after it", async () => {
  const cable = await plugCable();
  // Loaded before the program: SIGUSR1 keeps its one thread busy, as a defect would.
  const busy = join(temporaryFolder(), "busy.mjs");
  writeFileSync(
    busy,
    `process.on("SIGUSR1", () => { for (const end = performance.now() + 3000; performance.now() < end; ); });\n`,
  );
  const document = followWith({ pan: { use: "serial-line", port: cable.path } }, longEye);
  const run = startLiveWith(["--import", busy], document);
  await eventually(`motion ${run.stderr()}`, () => cable.chunks.length > 50, patienceMs);
  const before = cable.chunks.length;
  const probe = controlProbe();
  const startMs = performance.now();
  run.child.kill("SIGUSR1");
  const release = await eventually("a release", () =>
    cable.chunks.slice(before).find(({ text }) => isRelease(text)),
  );
  const tookMs = release.atMs - startMs;
  const lateMs = probe();
  process.stdout.write(
    `busy loop: released after ${tookMs.toFixed(0)} ms (control probe ${lateMs.toFixed(0)} ms late)\n`,
  );
  expect(tookMs - lateMs).toBeLessThan(failsafeMsMax);
  const quiet = cable.chunks.length;
  await eventually("the end of the loop", () => /the guard heard nothing for/.test(run.stderr()), patienceMs);
  await pause(1000);
  expect(cable.chunks.slice(quiet).map(({ text }) => text)).toEqual([]);
  run.child.kill("SIGTERM");
  expect(await run.ended).toEqual({ code: 0, signal: null });
  const { counts } = run.summary().stages.find(({ id }) => id === "pan")!;
  expect(counts).toMatchObject({ "trip: stall": 1 });
});

test("a port that is pulled in mid-write: the loss is told, and its bytes come out nowhere", async () => {
  const cable = await plugCable();
  // A frame a millisecond: some are on their way whenever the plug is pulled.
  const document = followWith(
    { pan: { use: "serial-line", port: cable.path, everyUs: 1000, keepAliveMs: 20 } },
    longEye,
  );
  const run = startLive(document);
  await eventually(`motion ${run.stderr()}`, () => cable.text().length > 2000, patienceMs);
  const probe = controlProbe();
  const startMs = performance.now();
  await cable.pull();
  await eventually("the loss", () => /pan: lost/.test(run.stderr()), patienceMs);
  const tookMs = performance.now() - startMs;
  process.stdout.write(
    `pulled in mid-write: told after ${tookMs.toFixed(0)} ms (control probe ${probe().toFixed(0)} ms late)\n`,
  );
  const again = await plugCable(cable.path);
  await eventually("the return", () => /pan: connected/.test(run.stderr()), patienceMs);
  await pause(1000);
  expect(again.text()).toMatch(/^(#0P0\r)*$/);
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(5);
});

test("a line that takes nothing for 3 s: it counts as lost, and what waited for it moves nothing when it flows again", async () => {
  const cable = await plugCable();
  const run = startLive(
    followWith({ pan: { use: "serial-line", port: cable.path, everyUs: 1000, keepAliveMs: 20 } }, longEye),
  );
  await eventually(`motion ${run.stderr()}`, () => cable.text().length > 2000, patienceMs);
  // Nobody reads the terminal any more, and blank lines fill it up: from now on it takes no byte.
  cable.child.kill("SIGSTOP");
  const probe = controlProbe();
  // The system moves what it took between its buffers: it is full when it takes nothing later either.
  for (; fill(cable.path) > 0; await pause(20));
  const startMs = performance.now();
  await eventually("the loss", () => /pan: lost, it takes no bytes/.test(run.stderr()), patienceMs);
  const tookMs = performance.now() - startMs;
  process.stdout.write(
    `full output buffer: lost after ${tookMs.toFixed(0)} ms (control probe ${probe().toFixed(0)} ms late)\n`,
  );
  await pause(3000);
  const before = cable.chunks.length;
  cable.child.kill("SIGCONT");
  await eventually("the return", () => /pan: connected/.test(run.stderr()), patienceMs);
  // What the kernel had taken before comes out first; nothing else does but the release.
  await pause(1500);
  const after = cable.chunks
    .slice(before)
    .map(({ text }) => text)
    .join("");
  const flushed = after.lastIndexOf("#0P0\r");
  expect(flushed).toBeGreaterThanOrEqual(0);
  expect(moving(after.slice(flushed))).toBe(false);
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(5);
});

test("a device that falls silent: a servo that is asked is lost in time, and one that comes back is not moved", async () => {
  // A Maestro answers each question with two bytes; this one stops answering.
  const cable = await plugCable();
  let answering = true;
  let asked = 0;
  const answer = setInterval(() => {
    const questions = [...spelt(cable.bytes()).matchAll(/aa 0c (10|21)/g)].length;
    for (; answering && asked < questions; asked += 1) cable.say("\x00\x00");
    if (!answering) asked = questions;
  }, 2);
  try {
    const pan = { use: "pololu-maestro", port: cable.path, pollMs: 20 };
    const run = startLive(followWith({ pan }, longEye));
    await eventually(`motion ${run.stderr()}`, () => cable.bytes().length > 2000, patienceMs);
    const probe = controlProbe();
    const startMs = performance.now();
    answering = false;
    await eventually("the loss", () => /pan: lost/.test(run.stderr()), patienceMs);
    const tookMs = performance.now() - startMs;
    process.stdout.write(
      `silent device: lost after ${tookMs.toFixed(0)} ms (control probe ${probe().toFixed(0)} ms late)\n`,
    );
    await pause(500);
    const quiet = cable.bytes().length;
    await pause(500);
    answering = true;
    await eventually("the return", () => /pan: connected/.test(run.stderr()), patienceMs);
    await pause(1000);
    // 84 ch L H sets a target; 0 ends the pulses.
    const targets = spelt(cable.bytes().subarray(quiet)).matchAll(/84 00 (.. ..)/g);
    expect([...targets].map(([, target]) => target).filter((target) => target !== "00 00")).toEqual([]);
    run.child.kill("SIGTERM");
    expect((await run.ended).code).toBe(5);
  } finally {
    clearInterval(answer);
  }
});

/** Writes blank lines into a terminal until it takes no more; how many bytes it took. */
function fill(path: string): number {
  const handle = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const lines = Buffer.alloc(256, "\r");
  let took = 0;
  try {
    for (;;) took += writeSync(handle, lines);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    return took;
  } finally {
    closeSync(handle);
  }
}
