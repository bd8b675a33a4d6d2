/** The bytes of a dry run on an emulated board: the real firmware makes the pulses that the simulated servo was shown. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AvrBoard } from "../../support/avr.ts";
import { root, runText } from "../../support/world.ts";

/** How much of the run is played: a second of the board costs a third of one here. */
const playUs = 3_000_000;

interface Told {
  readonly atUs: number;
  readonly stage: string;
  readonly safe?: "move" | "release";
  readonly value?: number;
  readonly wire?: string;
}

test("what a dry run would have sent moves an emulated servo as it moved the simulated one, to the microsecond", async () => {
  const text = readFileSync(join(root, "pipelines/follow.yaml"), "utf8");
  const live = { use: "serial-line", port: "/dev/null" };
  const overrides = Object.entries(live).map(([key, value]) => `pan.${key}=${value}`);
  const { trace } = await runText(text, { overrides });
  const told = trace
    .map((line) => JSON.parse(line) as Told)
    .filter(({ stage, wire, atUs }) => stage === "pan" && wire !== undefined && atUs < playUs);
  const moves = told.filter(({ safe }) => safe === "move");
  expect(moves.length).toBeGreaterThan(100);

  const board = new AvrBoard(readFileSync(join(root, "drivers/firmware/reflexarc-servo.hex"), "utf8"));
  board.run(10_000);
  const startUs = board.nowUs;
  for (const { atUs, wire } of told) {
    board.run(Math.max(0, startUs + atUs - board.nowUs));
    board.hear(Buffer.from(wire!, "hex"));
  }
  board.run(60_000);
  expect(board.said).toBe("!reset reflexarc-servo 1\r\n");

  const pulses = board.pulses(9);
  expect(pulses.length).toBeGreaterThan(100);
  const pulseOf = ({ value }: Told) => Math.round(500 + value! * (2000 / 180));
  for (const { atUs, widthUs } of pulses) {
    // Each pulse is of the newest move before it, or of the one before that: a pulse that has begun is not changed.
    const before = moves
      .filter((move) => startUs + move.atUs <= atUs)
      .slice(-2)
      .map(pulseOf);
    expect(
      before.some((us) => Math.abs(widthUs - us) < 0.7),
      `${widthUs} us at ${atUs}`,
    ).toBe(true);
  }
  // It went where the simulated one went, not only somewhere between.
  const widths = pulses.map(({ widthUs }) => widthUs);
  const values = moves.map(pulseOf);
  expect(Math.abs(Math.max(...widths) - Math.max(...values))).toBeLessThan(25);
  expect(Math.abs(Math.min(...widths) - Math.min(...values))).toBeLessThan(25);
});
