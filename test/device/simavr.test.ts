/** A live run on our firmware in simavr, over a real serial port and in real time: what ends the pulses when processes die. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  controlProbe,
  endPeers,
  eventually,
  followWith,
  longEye,
  pause,
  peer,
  startLive,
  temporaryFolder,
} from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

/** The emulated board, and when each of its pulses came. */
async function startBoard() {
  const program = join(temporaryFolder(), "board");
  const source = join(root, "test/device/simavr-board.c");
  execFileSync("cc", ["-O2", "-I/usr/include/simavr", "-o", program, source, "-lsimavr", "-lelf", "-lutil"]);
  const { child, said } = peer(program, [join(root, "drivers/firmware/reflexarc-servo.hex")]);
  const port = await eventually(
    `the board's port ${said.stderr}`,
    () => /^\/dev\/\S+(?=\n)/.exec(said.stdout)?.[0],
  );
  let lastPulseMs = Number.NaN;
  child.stdout!.on("data", () => {
    lastPulseMs = performance.now();
  });
  const pulses = () => said.stdout.split("\n").slice(1, -1).map(Number);
  return { port, pulses, lastPulseMs: () => lastPulseMs };
}

async function moving() {
  const board = await startBoard();
  const run = startLive(followWith({ pan: { use: "serial-line", port: board.port } }, longEye));
  await eventually("motion", () => new Set(board.pulses()).size > 20);
  const guard = Number(readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, "utf8"));
  /** How long the pulses went on after `fault`. */
  const msToEnd = async (what: string, fault: () => void) => {
    const probe = controlProbe();
    const startMs = performance.now();
    fault();
    await pause(1500);
    const lateMs = probe();
    const count = board.pulses().length;
    await pause(500);
    expect(board.pulses().length).toBe(count);
    const tookMs = board.lastPulseMs() - startMs;
    process.stdout.write(
      `${what}: the last pulse came ${tookMs.toFixed(0)} ms later (control probe ${lateMs.toFixed(0)} ms late)\n`,
    );
    return tookMs - lateMs;
  };
  return { board, run, guard, msToEnd };
}

test("the pulses are those that the guard sent", async () => {
  const { board, run, msToEnd } = await moving();
  await msToEnd("SIGTERM", () => run.child.kill("SIGTERM"));
  expect((await run.ended).code).toBe(0);
  const pulses = board.pulses();
  expect(Math.min(...pulses)).toBeGreaterThan(722);
  expect(Math.max(...pulses)).toBeLessThan(2278);
  for (const us of pulses) expect(Number.isInteger(us)).toBe(true);
});

test("SIGKILL of the run: the guard ends the pulses within 250 ms", async () => {
  const { run, msToEnd } = await moving();
  expect(await msToEnd("SIGKILL of the run", () => run.child.kill("SIGKILL"))).toBeLessThan(250);
});

test("SIGKILL of run and guard: the board ends them within 520 ms", async () => {
  const { run, guard, msToEnd } = await moving();
  const tookMs = await msToEnd("SIGKILL of run and guard", () => {
    process.kill(guard, "SIGKILL");
    run.child.kill("SIGKILL");
  });
  expect(tookMs).toBeGreaterThan(300);
  expect(tookMs).toBeLessThan(520);
});
