/** In a real terminal: `npm start` plays until `q` and sums up, and `jog` moves a servo. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { endPeers, eventually, followWith, plugCable, untilEnd } from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

const server = `reflexarc-${process.pid}`;
const tmux = (...args: string[]) => execFileSync("tmux", ["-L", server, ...args], { encoding: "utf8" });
const screen = () => tmux("capture-pane", "-p");

test("npm start shows pan, tilt and events a second, and q ends it with the summary", async () => {
  untilEnd(() => tmux("kill-server"));
  tmux("new-session", "-d", "-x", "120", "-y", "40", "-c", root, "npm start; echo exit code $?; sleep 100");
  const live =
    /(\d+\.\d) s {2}pan \[.*●.*\] +(\d+\.\d)° {2}tilt \[.*●.*\] +\d+\.\d° {2}(\d+\.\d) kev\/s {2}q quits/;
  const first = await eventually("the live line", () => live.exec(screen()), 60_000);
  const second = await eventually("motion", () => {
    const now = live.exec(screen());
    return now && now[2] !== first[2] && Number(now[3]) > 0 && now;
  });
  expect(Number(second[1])).toBeGreaterThan(Number(first[1]));
  tmux("send-keys", "q");
  const end = await eventually("the end", () => /exit code \d+/.test(screen()) && screen());
  expect(end).toMatch(/exit code 0/);
  expect(end).toMatch(/follow\.yaml: dry run, interrupted, \d+\.\d\d s of recorded time/);
  expect(end).toMatch(/pan +dry-run/);
  expect(end).not.toMatch(/q quits/);
});

test("jog moves a servo on a serial line, from a real terminal and through the guard process", async () => {
  const cable = await plugCable();
  const document = followWith({ pan: { use: "serial-line", port: cable.path } });
  untilEnd(() => tmux("kill-server"));
  const main = join(root, "dist/src/cli/main.js");
  const jog = `node ${main} jog ${document} pan --live; echo exit code $?; sleep 100`;
  tmux("new-session", "-d", "-x", "120", "-y", "40", "-c", root, jog);
  await eventually("the line", () => /pan disarmed, let go/.test(screen()), 60_000);
  tmux("send-keys", "Right");
  expect(cable.text()).not.toMatch(/P[1-9]/);
  tmux("send-keys", "a");
  await eventually("home", () => /pan armed, at 90\.0 deg/.test(screen()));
  tmux("send-keys", "Right", "Right");
  await eventually("two degrees", () => /pan armed, at 92\.0 deg/.test(screen()));
  tmux("send-keys", "Space");
  await eventually("the stop", () => /pan emergency-stopped, let go/.test(screen()));
  expect(cable.text()).toMatch(/#0P1500\r[\s\S]*#0P1522\r[\s\S]*#0P0\r$/);
  tmux("send-keys", "q");
  await eventually("the end", () => /exit code 0/.test(screen()));
});
