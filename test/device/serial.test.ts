/** SSC-32 lines over a real serial port, a pseudo-terminal: the bytes of the trace, and nothing after a pulled plug. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  endPeers,
  eventually,
  followWith,
  longEye,
  pause,
  plugCable,
  startLive,
  temporaryFolder,
} from "../support/peers.ts";

afterEach(endPeers);

const servos = (port: string) => ({
  pan: { use: "serial-line", port, channel: 0 },
  tilt: { use: "serial-line", port, channel: 1 },
});

test("a whole run puts the bytes of its trace on the wire", async () => {
  const cable = await plugCable();
  const trace = join(temporaryFolder(), "trace.jsonl");
  const run = startLive(followWith(servos(cable.path)), "--trace", trace);
  expect(await run.ended).toEqual({ code: 0, signal: null });
  await pause(200);
  const linesOf = (text: string) => text.split("\r").filter(Boolean).sort();
  const wires = readFileSync(trace, "utf8")
    .split("\n")
    .flatMap((line) => /"wire":"(\w+)"/.exec(line)?.[1] ?? []);
  expect(wires.length).toBeGreaterThan(300);
  const wire = wires.map((hex) => Buffer.from(hex, "hex").toString()).join("");
  expect(linesOf(cable.text())).toEqual(linesOf(wire));
  expect(linesOf(cable.text().slice(-20))).toEqual(expect.arrayContaining(["#0P0", "#1P0"]));
});

test("a pulled plug ends motion until it is armed again: exit code 5", async () => {
  const cable = await plugCable();
  const run = startLive(followWith(servos(cable.path), longEye));
  await eventually("motion", () => cable.text().length > 1000);
  await cable.pull();
  const pulledMs = performance.now();
  await eventually("the loss", () => /pan: lost[\s\S]*tilt: lost/.test(run.stderr()));
  expect(performance.now() - pulledMs).toBeLessThan(1000);
  const again = await plugCable(cable.path);
  await eventually("the return", () => /pan: connected[\s\S]*tilt: connected/.test(run.stderr()));
  await pause(1000);
  // The failsafe is release: what was moving when the line broke may not have heard it, so it is said again.
  expect(again.text()).toMatch(/^(#[01]P0\r)*$/);
  run.child.kill("SIGTERM");
  expect(await run.ended).toEqual({ code: 5, signal: null });
  expect(again.text()).toMatch(/^(#[01]P0\r)*$/);
  const { errors, stages } = run.summary();
  expect(errors.map(({ kind, room }) => [kind, room])).toEqual([
    ["device", "pan"],
    ["device", "tilt"],
  ]);
  for (const id of ["pan", "tilt"]) {
    const { counts } = stages.find((stage) => stage.id === id)!;
    expect(counts["trip: lost connection"]).toBe(1);
    expect(counts["not armed, dropped"]).toBeGreaterThan(20);
  }
});

test("a port that isn't there ends the run before anything moves", async () => {
  const run = startLive(followWith(servos(join(temporaryFolder(), "none"))));
  expect((await run.ended).code).toBe(5);
  expect(run.stderr()).toBe("");
  expect(run.summary().errors).toMatchObject([
    { kind: "device", room: "pan", what: "there is no such port" },
  ]);
});

test("a port that another run has is not shared with it", async () => {
  const cable = await plugCable();
  const first = startLive(followWith({ pan: { use: "serial-line", port: cable.path } }, longEye));
  await eventually("motion", () => cable.text().length > 200);
  const second = startLive(followWith({ pan: { use: "serial-line", port: cable.path } }, longEye));
  expect((await second.ended).code).toBe(5);
  expect(second.summary().errors).toMatchObject([
    { kind: "device", room: "pan", what: "the port is in use" },
  ]);
  first.child.kill("SIGTERM");
  expect(await first.ended).toEqual({ code: 0, signal: null });
});
