/** Ports without udev: what is found, by which id it is opened, and who holds it. */

import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { foundPorts, holdersOf, portPath } from "../../../drivers/serial/ports.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function machine(): {
  root: string;
  file(path: string, text?: string): void;
  link(path: string, to: string): void;
} {
  const root = mkdtempSync(join(tmpdir(), "reflexarc-"));
  roots.push(root);
  const made = (path: string) => {
    const full = join(root, path);
    mkdirSync(join(full, ".."), { recursive: true });
    return full;
  };
  return {
    root,
    file: (path, text = "") => writeFileSync(made(path), text),
    link: (path, to) => symlinkSync(to, made(path)),
  };
}

/** Two boards of one make on a hub, a converter without a number, a port of the main board, and consoles that are none. */
function busy() {
  const { root, file, link } = machine();
  const usb = "sys/devices/usb1";
  for (const [plug, name, device, serial] of [
    ["1-1", "ttyACM0", "1-1:1.0", "A1"],
    ["1-2", "ttyACM1", "1-2:1.0", "B2"],
    ["1-3", "ttyUSB0", "1-3:1.0/ttyUSB0", ""],
  ]) {
    const arduino = name!.startsWith("ttyACM");
    file(`${usb}/${plug}/idVendor`, arduino ? "2341\n" : "1a86\n");
    file(`${usb}/${plug}/idProduct`, arduino ? "0043\n" : "7523\n");
    if (serial) file(`${usb}/${plug}/serial`, `${serial}\n`);
    if (arduino) file(`${usb}/${plug}/manufacturer`, "Arduino\n");
    file(`${usb}/${plug}/product`, arduino ? "Uno\n" : "USB Serial\n");
    file(`${usb}/${plug}/${device}/uevent`);
    link(`sys/class/tty/${name}/device`, join(root, usb, plug!, device!));
    file(`dev/${name}`);
  }
  file("sys/class/tty/ttyS0/device/uevent");
  file("dev/ttyS0");
  file("sys/class/tty/ttyS1/uevent");
  file("dev/ttyS1");
  file("sys/class/tty/tty1/device/uevent");
  file("dev/tty1");
  link("dev/serial/by-id/usb-Arduino_A1-if00", "../../ttyACM0");
  return { root, file, link };
}

test("finds what has a device behind it, with the ids of its USB device", () => {
  const { root } = busy();
  expect(foundPorts(root)).toEqual([
    {
      path: "/dev/ttyACM0",
      ids: ["usb-Arduino_A1-if00", "A1", "2341:0043:A1", "2341:0043"],
      about: "Arduino Uno",
    },
    { path: "/dev/ttyACM1", ids: ["B2", "2341:0043:B2", "2341:0043"], about: "Arduino Uno" },
    { path: "/dev/ttyS0", ids: [], about: "" },
    { path: "/dev/ttyUSB0", ids: ["1a86:7523"], about: "USB Serial" },
  ]);
  expect(foundPorts(machine().root)).toEqual([]);
});

test("an id opens its port wherever it comes up; a path is a path", () => {
  const { root, file } = busy();
  const ports = () => foundPorts(root);
  expect(portPath("/dev/ttyACM7", ports)).toBe("/dev/ttyACM7");
  for (const id of ["A1", "a1", "2341:0043:A1", "usb-Arduino_A1-if00"])
    expect(portPath(`id:${id}`, ports)).toBe("/dev/ttyACM0");
  expect(portPath("id:1a86:7523", ports)).toBe("/dev/ttyUSB0");
  // Plugged in again, the numbers are the other way round.
  file("sys/devices/usb1/1-1/serial", "B2\n");
  file("sys/devices/usb1/1-2/serial", "A1\n");
  rmSync(join(root, "dev/serial/by-id"), { recursive: true });
  expect(portPath("id:A1", ports)).toBe("/dev/ttyACM1");
});

test("an id of several ports, or of none, opens nothing", () => {
  const { root } = busy();
  const ports = () => foundPorts(root);
  expect(() => portPath("id:2341:0043", ports)).toThrow("2 ports have this id");
  expect(() => portPath("id:C3", ports)).toThrow("no port has this id");
});

test("who holds a port is told by open files, and by its lock where those are hidden", () => {
  const { root, file, link } = busy();
  const port = join(root, "dev/ttyACM0");
  file("proc/100/comm", "node\n");
  link("proc/100/fd/3", port);
  file("proc/200/comm", "ModemManager\n");
  file("proc/300/comm", "bystander\n");
  link("proc/300/fd/3", join(root, "dev/ttyACM1"));
  file(
    "proc/locks",
    `1: FLOCK  ADVISORY  WRITE 200 00:05:${statSync(port).ino} 0 EOF\n2: POSIX  ADVISORY  WRITE 300 00:05:1 0 EOF\n`,
  );
  expect(holdersOf("/dev/ttyACM0", root)).toEqual([
    { pid: 100, name: "node" },
    { pid: 200, name: "ModemManager" },
  ]);
  expect(holdersOf("/dev/ttyUSB0", root)).toEqual([]);
  expect(holdersOf("/dev/ttyNone", root)).toEqual([]);
});
