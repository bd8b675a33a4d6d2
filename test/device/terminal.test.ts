/** `npm start` in a real terminal: it plays until `q`, then sums up. */

import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { endPeers, eventually, untilEnd } from "../support/peers.ts";
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
