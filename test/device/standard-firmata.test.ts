/** The real StandardFirmata on an emulated ATmega328P, driven by our driver. Its .hex is in an npm package that can't be installed (it depends on a git address), so it is fetched here. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import firmataServo, { openFirmataServo } from "../../drivers/firmata-servo.ts";
import type { Actuator } from "../../src/stage.ts";
import { AvrBoard, together } from "../support/avr.ts";
import { type HeardContext, heardContext } from "../support/driver-contract.ts";
import { move, release } from "../support/safe.ts";
import { root } from "../support/world.ts";

const packed = "avrgirl-arduino@5.0.1";
const inside = "package/junk/hex/uno/StandardFirmata.cpp.hex";
const sha256 = "6d57ea7cf30e26c9c2f3a01ee37907d2c951f8bc9c27f84dddad12fa9c8b8f36";

/** The firmware's .hex, fetched once and kept beside the installed packages. */
function standardFirmata(): string {
  const folder = join(root, "node_modules/.cache/reflexarc");
  const file = join(folder, inside);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const tarball = execFileSync("npm", ["pack", packed, "--silent", "--pack-destination", folder], {
      encoding: "utf8",
    }).trim();
    execFileSync("tar", ["-xzf", join(folder, tarball), "-C", folder, inside]);
  }
  const hex = readFileSync(file, "utf8");
  expect(createHash("sha256").update(hex).digest("hex")).toBe(sha256);
  return hex;
}

const pin = 9;
/** Open ports are shared within a process, so each board has a name of its own. */
const optionsFor = (port: string) => firmataServo.options.parse({ port, pin });
const encode = firmataServo.encode(optionsFor("any"));

/** The driver at a board that has said its banner. */
async function opened(name: string): Promise<{
  board: AvrBoard;
  context: HeardContext;
  actuator: Actuator;
  pass(us: number): Promise<void>;
}> {
  const board = new AvrBoard(standardFirmata());
  const context = heardContext();
  const pass = (us: number) => together(board, [context.clock], us);
  let actuator: Actuator | undefined;
  void openFirmataServo(optionsFor(name), context, board.open).then((one) => {
    actuator = one;
  });
  for (let i = 0; i < 40 && !actuator; i++) await pass(100_000);
  return { board, context, actuator: actuator!, pass };
}

test("angles are the pulses of the servo library, to the microsecond, and none comes before the first", async () => {
  const { board, context, actuator, pass } = await opened("first");
  expect(context.notices.join()).toMatch(/StandardFirmata has no failsafe/);
  await pass(100_000);
  expect(board.pulses(pin)).toEqual([]);
  for (const [angle, us] of [
    [0, 544],
    [45, 1008],
    [90, 1472],
    [135, 1936],
    [180, 2400],
  ] as const) {
    const command = move(angle);
    actuator.write(encode(command), command);
    await pass(80_000);
    expect(board.widthUs(pin), `${angle} degrees`).toSatisfy((width: number) => Math.abs(width - us) <= 1);
  }

  // What the notice says: it goes on for ever.
  const before = board.pulses(pin).length;
  board.run(1_000_000);
  expect(board.pulses(pin).length - before).toBeGreaterThan(48);
  const end = release();
  actuator.write(encode(end), end);
  await pass(60_000);
  const count = board.pulses(pin).length;
  await pass(200_000);
  expect(board.pulses(pin).length).toBe(count);
});

test("a board that restarts in mid-stream is lost, and comes back without a pulse", async () => {
  const { board, context, actuator, pass } = await opened("second");
  const command = move(90);
  actuator.write(encode(command), command);
  await pass(100_000);
  expect(board.widthUs(pin)).toBeGreaterThan(1400);
  expect(context.connections).toEqual([]);
  board.reset();
  const count = board.pulses(pin).length;
  for (let i = 0; i < 40 && context.connections.length < 2; i++) await pass(100_000);
  expect(context.connections).toEqual(["lost", "connected"]);
  await pass(200_000);
  expect(board.pulses(pin).length - count).toBeLessThan(2);
});
