/** jog and calibrate, by a person at a terminal that is none: keys in, a line out, and a fake port. */

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import serialLine, { openSerialLine } from "../../drivers/serial-line.ts";
import { calibrateWith, writeLimits } from "../../src/cli/calibrate.ts";
import { actuatorOf, type Jogged, jogWith, stepOf } from "../../src/cli/jog.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { openDocument } from "../../src/cli/world.ts";
import { type ActuatorNode, readDocument } from "../../src/pipeline/document.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { anyOptions } from "../../src/stage.ts";
import { setNumbers } from "../../src/yaml.ts";
import { fakePort } from "../support/fake-port.ts";
import { catalog, punctualClock } from "../support/world.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const text = `about: A test.
stages:
  - { id: eye, use: synthetic }
  - { id: grid, use: polarity-grid, columns: 4, rows: 4 }
  - id: brain   # never runs
    use: core
    network: { input: a, output: a, populations: { a: {} }, projections: [] }
  - { id: aim, use: rate }
  # The pan servo,
  - id: pan
    use: serial-line   # on the shelf
    port: PORT
    limits:
      minDeg: 20     # the cable
      maxDeg: 160    # the wall
      # slow
      slewDegPerS: 60

# the end
`;

/** Lines by which the operator is asked, and the keys that he presses when he first sees each. */
type Script = readonly (readonly [sees: RegExp, ...keys: string[]])[];

let ports = 0;

/** A live run of one servo on a fake port, and an operator who follows a script. */
function person(script: Script) {
  const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
  folders.push(folder);
  const path = join(folder, "arm.yaml");
  const port = `fake ${++ports}`;
  writeFileSync(path, text.replace("PORT", port));
  const document = openDocument(path, []);
  const fake = fakePort();
  const found = actuatorOf(document.plan, "pan", "test");
  const node: ActuatorNode = {
    ...found,
    definition: {
      ...anyOptions(serialLine),
      ownProcess: false,
      open: (given: never, context: never) => openSerialLine(given, context, fake.open),
    } as never,
  };
  const shown: string[] = [];
  let press: (key: string) => void = () => {};
  const left = [...script];
  const terminal: Terminal = {
    keys(heard) {
      press = heard;
      return () => {
        press = () => {};
      };
    },
    write(written) {
      shown.push(written);
      if (!left[0]?.[0].test(written)) return;
      const [, ...keys] = left.shift()!;
      for (const key of keys) press(key);
    },
    columns: () => 200,
  };
  const jogged: Jogged = {
    document,
    node,
    step: 1,
    live: true,
    terminal,
    environment: { clock: punctualClock() },
  };
  const widths = () => fake.lines.map((line) => Number(/P(\d+)\r/.exec(line)![1]));
  return { path, jogged, shown, widths, left, fake };
}

/** The pulse of an angle: 500 to 2500 us over 180 degrees. */
const usOf = (deg: number) => Math.round(500 + (deg * 2000) / 180);

describe("jog", () => {
  test("nothing moves before it is armed; then keys move it, through the guard, and q lets it go", async () => {
    const { jogged, widths, left, shown } = person([
      [/pan disarmed, let go/, "right", "shift+right", "a"],
      [/pan armed, at 90\.0 deg/, "right", "right", "shift+left"],
      [/at 82\.0 deg/, "h"],
      [/at 90\.0 deg/, "q"],
    ]);
    const summary = await jogWith(jogged, {});
    expect([left, summary.exitCode, summary.interrupted]).toEqual([[], 0, true]);
    const moved = widths();
    expect(moved[0]).toBe(usOf(90));
    expect(Math.min(...moved.slice(0, -1))).toBe(usOf(82));
    expect(moved.at(-1)).toBe(0);
    // 60 degrees a second at most: 1.2 degrees in 20 ms.
    const stepsUs = moved.slice(1, -1).map((us, i) => Math.abs(us - moved[i]!));
    expect(Math.max(...stepsUs)).toBeLessThanOrEqual(Math.ceil((1.2 * 2000) / 180));
    expect(shown.at(-1)).toBe("\r\x1b[2K");
  });

  test("no key leads out of the limits", async () => {
    const { jogged, widths } = person([
      [/disarmed/, "a"],
      [/armed, at 90/, ...Array<string>(12).fill("pageup")],
      [/at 160\.0 deg/, "q"],
    ]);
    await jogWith(jogged, {});
    expect(Math.max(...widths())).toBe(usOf(160));
  });

  test("space stops it until r and a; what was pressed meanwhile is over", async () => {
    const { jogged, widths, left } = person([
      [/disarmed/, "a"],
      [/armed, at 90\.0/, "shift+right"],
      [/at 100\.0/, "space"],
      [/emergency-stopped, let go/, "a", "shift+right", "shift+right", "r"],
      [/pan disarmed, let go/, "shift+right", "a"],
      [/pan armed, at 90\.0/, "q"],
    ]);
    const summary = await jogWith(jogged, {});
    expect(left).toEqual([]);
    expect(Math.max(...widths())).toBe(usOf(100));
    expect(summary.stages.find(({ id }) => id === "pan")?.counts["emergency stop"]).toBe(1);
  });

  test("a speed ends by itself when its key is no longer held", async () => {
    const { jogged, fake, left } = person([
      [/disarmed/, "a"],
      [/armed, at 0\.0 duty/, "right"],
      [/at 0\.5 duty/],
      [/at 0\.0 duty/, "q"],
    ]);
    const said: number[] = [];
    const encode = () => (command: SafeCommand) => {
      said.push(command.action === "move" ? command.value : 0);
      return Uint8Array.of(0);
    };
    const node = {
      ...jogged.node,
      guard: { ...jogged.node.guard, limits: { minDuty: -1, maxDuty: 1, slewDutyPerS: 10 } },
      definition: { ...jogged.node.definition, units: ["duty"], encode } as never,
    };
    await jogWith({ ...jogged, node, step: 0.5 }, {});
    expect(left).toEqual([]);
    expect(Math.max(...said)).toBeCloseTo(0.5);
    expect([said.at(-1), fake.opened]).toEqual([0, 1]);
  });
});

describe("calibrate", () => {
  test("marks where it is, and writes into the document what was marked, and nothing else", async () => {
    const { jogged, path, left } = person([
      [/disarmed/, "2", "w", "a"],
      [/armed, at 90\.0/, "2", "shift+right"],
      [/at 100\.0/, "3", "shift+left", "shift+left"],
      [/at 80\.0/, "1", "right"],
      [/at 81\.0/, "w"],
    ]);
    const before = readFileSync(path, "utf8");
    const { written } = await calibrateWith(jogged, (values) => writeLimits(path, jogged.node, values));
    expect(left).toEqual([]);
    expect(written).toEqual({ homeDeg: 90, maxDeg: 100, minDeg: 80 });
    const after = before
      .replace("minDeg: 20     # the cable", "minDeg: 80     # the cable")
      .replace("maxDeg: 160    # the wall", "maxDeg: 100    # the wall")
      .replace("      slewDegPerS: 60\n", "      slewDegPerS: 60\n      homeDeg: 90\n");
    expect(readFileSync(path, "utf8")).toBe(after);
    const read = readDocument(after, "document", catalog);
    expect(actuatorOf(read, "pan", "test").guard.limits).toMatchObject(written!);
  });

  test("marks that can't be limits are refused, and quitting writes nothing", async () => {
    const { jogged, path, shown } = person([
      [/disarmed/, "a"],
      [/armed, at 90\.0/, "3", "1", "w"],
      [/minDeg must be below maxDeg/, "q"],
    ]);
    const before = readFileSync(path, "utf8");
    const { written } = await calibrateWith(jogged, () => Promise.reject(new Error("it was written")));
    expect(written).toBeUndefined();
    expect(shown.some((line) => /min 90 {2}centre - {2}max 90/.test(line))).toBe(true);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test("a document behind a link is written, and the link stays", async () => {
    const { path, jogged } = person([]);
    const link = join(path, "..", "link.yaml");
    symlinkSync(path, link);
    await writeLimits(link, jogged.node, { minDeg: 30 });
    expect(readFileSync(path, "utf8")).toMatch(/minDeg: 30 {5}# the cable/);
  });
});

describe("numbers in a document", () => {
  const place = { name: "document", at: ["stages", 0], id: "pan" };
  const set = (limits: string, values = { minDeg: 1.5, homeDeg: 3, maxDeg: 4 }) =>
    setNumbers(`stages:\n  - id: pan\n    limits: ${limits}\n    # end\n`, place, values);

  test.each([
    ["{ minDeg: 20, maxDeg: 160 }", "{ minDeg: 1.5, maxDeg: 4, homeDeg: 3 }"],
    ["{minDeg: 20,maxDeg: 160 , }", "{minDeg: 1.5,maxDeg: 4, homeDeg: 3 , }"],
    [
      "{ maxDeg: 160, # a\n      minDeg: 2e1 # b\n    }",
      "{ maxDeg: 4, # a\n      minDeg: 1.5, homeDeg: 3 # b\n    }",
    ],
    [
      "\n      slewDegPerS: 3 # c",
      "\n      slewDegPerS: 3 # c\n      minDeg: 1.5\n      homeDeg: 3\n      maxDeg: 4",
    ],
    ['{ "minDeg": "20", maxDeg: 160, homeDeg: 7 }', '{ "minDeg": 1.5, maxDeg: 4, homeDeg: 3 }'],
  ])("%s", (before, after) => {
    expect(set(before)).toBe(`stages:\n  - id: pan\n    limits: ${after}\n    # end\n`);
  });

  test("an alias, a list or another stage is left alone", () => {
    expect(() =>
      setNumbers("a: &l { minDeg: 1 }\nstages:\n  - { id: pan, limits: *l }\n", place, { minDeg: 2 }),
    ).toThrow(/not written out here/);
    expect(() => set("[1]")).toThrow(/not written out here/);
    expect(() => set("{ minDeg: [1] }")).toThrow(/no plain number/);
    expect(() =>
      setNumbers("stages:\n  - { id: tilt, limits: { minDeg: 1 } }\n", place, { minDeg: 2 }),
    ).toThrow(/does not stand here any more \(document:2\)/);
  });
});

test("an actuator is found by its id, or when it is the only one; a step is a number within the limits", () => {
  const { jogged } = person([]);
  const { plan } = jogged.document;
  expect(actuatorOf(plan, undefined, "jog").id).toBe("pan");
  expect(() => actuatorOf(plan, "tilt", "jog")).toThrow(/there is no actuator "tilt".*Name one: pan/);
  expect([stepOf(undefined, jogged.node), stepOf("0.5", jogged.node)]).toEqual([1, 0.5]);
  for (const step of ["0", "x", "-1", "1000"]) expect(() => stepOf(step, jogged.node)).toThrow(/no step/);
});
