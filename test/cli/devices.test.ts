/** devices and doctor: what they ask of whom, and what they tell. */

import { expect, test } from "vitest";
import { type DevicesWorld, linesOf, reportDevices } from "../../src/cli/devices.ts";
import { type DoctorWorld, examine } from "../../src/cli/doctor.ts";
import { bytesOf, fakeBoard, hexOf } from "../support/fake-board.ts";
import { punctualClock } from "../support/world.ts";

const uno = { path: "/dev/ttyACM0", ids: ["A1"], about: "Arduino Uno" };

function world(given: Partial<DevicesWorld> = {}) {
  const board = fakeBoard();
  const made: DevicesWorld = {
    clock: punctualClock(),
    ports: () => [uno],
    holders: () => [],
    allowed: () => true,
    open: board.open,
    ...given,
  };
  return { board, world: made };
}

test("nothing is opened unless a probe is asked for, and nothing that is held or not allowed", async () => {
  for (const [probe, given] of [
    [[], {}],
    [["all"], { holders: () => [{ pid: 7, name: "avrdude" }] }],
    [["all"], { allowed: () => false }],
  ] as const) {
    const { board, world: made } = world(given);
    await reportDevices({ probe: [...probe] }, made);
    expect([board.opened, board.frames]).toEqual([0, []]);
  }
});

test("tells ids, holders and permission", async () => {
  const { world: made } = world({ holders: () => [{ pid: 7, name: "avrdude" }], allowed: () => false });
  expect(linesOf(await reportDevices({}, made))).toEqual([
    "/dev/ttyACM0  Arduino Uno",
    '  port: "id:A1"',
    "  held by avrdude, process 7",
    '  not allowed: add your user to the group "dialout" and log in again',
  ]);
  expect(linesOf([])).toEqual(["No serial port was found: plug something in."]);
});

test.each([
  ["firmata", "f0 79 02 05 53 00 46 00 f7", "Firmata 2.5, SF"],
  ["firmata", "f9 02 05", "Firmata 2.5"],
  [
    "reflexarc-servo",
    "6f 6b 20 72 65 66 6c 65 78 61 72 63 2d 73 65 72 76 6f 20 31 0d 0a",
    "ok reflexarc-servo 1",
  ],
  ["ssc-32", "53 53 43 33 32 2d 56 32 2e 30 31 0d", "SSC32-V2.01"],
  ["maestro", "00 00", "Maestro, errors 0"],
  ["grbl", "3c 49 64 6c 65 7c 4d 50 6f 73 3a 30 3e 0d 0a", "<Idle|MPos:0>"],
  // Two servos answer a ping, the second one with an alert.
  ["dynamixel-1", "ff ff 01 02 00 fc ff ff 05 02 20 d8", "Dynamixel 1.0 or Feetech servos 1, 5"],
  ["lss", "2a 35 51 49 44 35 0d", "LSS servos 5"],
  ["lx-16a", "55 55 07 04 0e 07 df", "LX servo 7"],
  ["edvs", "23 20 65 44 56 53 34 33 33 37 0d 0a", "# eDVS4337"],
])("%s is recognised by what it answers", async (name, answer, told) => {
  const { board, world: made } = world();
  board.answer = () => bytesOf(answer);
  const [report] = await reportDevices({ probe: [name] }, made);
  expect(report!.answers).toEqual({ [name]: told });
  expect([board.opened, board.closed]).toEqual([1, 1]);
});

test.each(["dynamixel-1", "dynamixel-2", "lx-16a"])(
  "%s does not take its own echo for a servo",
  async (name) => {
    const { board, world: made } = world();
    board.echoes = true;
    const [report] = await reportDevices({ probe: [name] }, made);
    expect(report!.answers).toEqual({ [name]: null });
    expect(board.frames.length).toBeGreaterThan(0);
  },
);

test("no question moves anything: they are pings, versions and states", async () => {
  const { board, world: made } = world();
  await reportDevices({ probe: ["all"] }, made);
  expect([...new Set(board.frames.map(hexOf))].sort()).toEqual(
    [
      "f9",
      "3f 0d",
      "56 45 52 0d",
      "aa 0c 21",
      "3f",
      "ff ff fd 00 fe 03 00 01 31 42",
      "ff ff fe 02 01 fe",
      "55 55 fe 03 0e f0",
      "23 32 35 34 51 49 44 0d",
      "0a 3f 3f 0a",
    ].sort(),
  );
});

test("a port that can't be opened is told as such, and an unknown probe is refused", async () => {
  const { world: made } = world({ open: () => Promise.reject(new Error("it burns")) });
  const [report] = await reportDevices({ probe: ["grbl"] }, made);
  expect(report!.answers).toEqual({ grbl: "! it burns" });
  await expect(reportDevices({ probe: ["firmatta"] }, made)).rejects.toThrow(/Did you mean "firmata"\?/);
  await expect(reportDevices({ baud: "fast" }, made)).rejects.toThrow(/no speed of a line/);
});

function patient(given: Partial<DoctorWorld> = {}): DoctorWorld {
  return {
    ...world().world,
    nodeVersion: "20.1.0",
    user: "ada",
    stateFolder: () => "/state",
    loadSerialport: async () => {},
    listens: async () => true,
    ...given,
  };
}

test("a healthy machine has nothing wrong", async () => {
  const findings = await examine("mqtt://127.0.0.1:1883", patient());
  expect(findings.map(({ what, state }) => [what, state])).toEqual([
    ["Node.js", "fine"],
    ["clock", "fine"],
    ["state folder", "fine"],
    ["serial ports", "fine"],
    ["/dev/ttyACM0", "fine"],
    ["broker 127.0.0.1:1883", "fine"],
  ]);
});

test.each<[string, Partial<DoctorWorld>, string, "note" | "wrong", RegExp]>([
  ["an old Node.js", { nodeVersion: "18.19.0" }, "Node.js", "wrong", /Install Node/],
  ["a group", { allowed: () => false }, "/dev/ttyACM0", "wrong", /usermod -aG dialout ada/],
  ["a holder", { holders: () => [{ pid: 7, name: "screen" }] }, "/dev/ttyACM0", "note", /Close it/],
  [
    "ModemManager",
    { holders: () => [{ pid: 7, name: "ModemManager" }] },
    "/dev/ttyACM0",
    "note",
    /systemctl disable/,
  ],
  ["no port", { ports: () => [] }, "ports", "note", /Plug/],
  ["no broker", { listens: async () => false }, "broker h:8883", "note", /start it/],
  [
    "a read-only home",
    {
      stateFolder: () => {
        throw new Error("EROFS");
      },
    },
    "state folder",
    "wrong",
    /REFLEXARC_STATE/,
  ],
  [
    "a foreign build",
    { loadSerialport: () => Promise.reject(new Error("wrong ELF")) },
    "serial ports",
    "wrong",
    /npm ci/,
  ],
])("%s is told with its remedy", async (_what, given, what, state, remedy) => {
  const findings = await examine("mqtts://h", patient(given));
  const finding = findings.find((each) => each.what === what);
  expect(finding).toMatchObject({ state, remedy: expect.stringMatching(remedy) });
});

test("a machine that stands still is told", async () => {
  const clock = punctualClock();
  const late = { ...clock, until: (timeUs: number) => clock.until(timeUs + 80_000) };
  const findings = await examine("h", patient({ clock: late }));
  expect(findings.find(({ what }) => what === "clock")).toMatchObject({
    state: "note",
    found: expect.stringContaining("80.0 ms"),
  });
});
