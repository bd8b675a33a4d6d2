/** Where the guard of an actuator lives: in the guard process whenever a real port can be held there. */

import { expect, test } from "vitest";
import { z } from "zod";
import serialLine, { openSerialLine } from "../../drivers/serial-line.ts";
import synthetic from "../../drivers/synthetic.ts";
import type { GuardProcess } from "../../src/pipeline/guard-link.ts";
import { guardActuator } from "../../src/pipeline/guarded.ts";
import { anyOptions } from "../../src/stage.ts";
import { fakePort } from "../support/fake-port.ts";
import { catalogWith, punctualClock, runText } from "../support/world.ts";

const document = (port: string) => `
stages:
  - { id: eye, use: synthetic, durationMs: 300, port: /dev/eye }
  - { id: grid, use: polarity-grid, columns: 4, rows: 4 }
  - id: brain
    use: core
    network:
      input: in
      output: map
      populations: { in: {}, map: { shape: [1, 1, 4], neuron: { threshold: 1 } } }
      projections: [{ from: in, to: map, pattern: dense, weights: 0.1 }]
  - { id: aim, use: rate, gain: 0.1 }
  - { id: pan, use: serial-line, port: ${port}, minUs: 1000, maxUs: 2000, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
  - { id: tilt, use: serial-line, from: aim, port: ${port}, channel: 1, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`;

async function placed(port: string, live: boolean) {
  const fake = fakePort();
  const far: string[] = [];
  let started = 0;
  let closed = 0;
  const startGuard = (): GuardProcess => {
    started += 1;
    return {
      async open(id, { guard, use, options }, { tap }) {
        far.push(`${id} ${use} ${options.port}`);
        const actuator = { write() {}, stop: async () => {} };
        return guardActuator({ id, guard, actuator, encode: () => Uint8Array.of(0), selfArming: false, tap });
      },
      close: () => {
        closed += 1;
      },
    };
  };
  const seeing = { ...anyOptions(synthetic), options: synthetic.options.extend({ port: z.string() }) };
  const opening = {
    ...anyOptions(serialLine),
    open: (options: never, context: never) => openSerialLine(options, context, fake.open),
  };
  const seer = {
    ...seeing,
    open: ({ port: _, ...options }: Record<string, unknown>, context: never) =>
      anyOptions(synthetic).open(options, context),
  };
  const ran = await runText(document(port), {
    catalog: catalogWith(opening, seer as never),
    live,
    arm: live,
    speed: 1,
    clock: punctualClock(),
    startGuard,
  });
  return { ...ran, far, started, closed, opened: fake.opened };
}

test("a live run holds its ports in one guard process", async () => {
  const { far, started, closed, opened, summary } = await placed("/dev/servo", true);
  expect(summary.errors).toEqual([]);
  expect([started, closed, opened]).toEqual([1, 1, 0]);
  expect(far).toEqual(["pan serial-line /dev/servo", "tilt serial-line /dev/servo"]);
  expect(summary.stages.find(({ id }) => id === "pan")?.out).toBeGreaterThan(0);
});

test("a dry run starts none, and its simulated servo has the pulses of the real one", async () => {
  const { started, opened, trace } = await placed("/dev/servo", false);
  expect([started, opened]).toEqual([0, 0]);
  const pulses = trace
    .map((line) => JSON.parse(line) as { stage: string; pulseUs?: number })
    .filter(({ stage, pulseUs }) => stage === "pan" && pulseUs);
  expect(pulses.length).toBeGreaterThan(5);
  for (const { pulseUs } of pulses) expect(pulseUs! >= 1000 && pulseUs! <= 2000).toBe(true);
});

test("a port that a sensor reads is guarded here, and that is told", async () => {
  const { far, started, opened, notices } = await placed("/dev/eye", true);
  expect([far, started, opened]).toEqual([[], 0, 1]);
  expect(notices.join()).toMatch(/pan: "eye" reads the same port/);
});
