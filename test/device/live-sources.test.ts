/** Live sources under real peers in processes of their own: a million events a second, nothing uncounted, and back after a loss. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { pixelAddress } from "../../src/events/geometry.ts";
import { EdvsBoard } from "../support/edvs-board.ts";
import type { Event } from "../support/packets.ts";
import {
  endOf,
  endPeers,
  eventually,
  freePort,
  pause,
  peer,
  startMosquitto,
  temporaryFolder,
  untilEnd,
} from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

/** 10 s here; REFLEXARC_LIVE_S=60 for longer. */
const seconds = Number(process.env.REFLEXARC_LIVE_S ?? 10);
const rate = 1_000_000;
/** A noisy machine is told and tried again: two cores do more than this test. */
const triesMax = 3;

interface Heard {
  readonly events: number;
  readonly lost: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly code: number | null;
  readonly problems: readonly string[];
  readonly stderr: string;
}

/** `reflexarc run` of a sensor and a filter, in a process of its own. */
function receiver(eye: object, input?: NodeJS.ReadableStream, env: object = {}) {
  const file = join(temporaryFolder(), "document.yaml");
  const stages = [
    { id: "eye", ...eye },
    { id: "clean", use: "polarity", keep: "merged" },
  ];
  writeFileSync(file, JSON.stringify({ stages }));
  const main = join(root, "dist/src/cli/main.js");
  const child = spawn(process.execPath, [main, "run", file, "--json"], {
    stdio: [input ? "pipe" : "ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  untilEnd(() => endOf(child));
  const said = { stdout: "", stderr: "" };
  child.stdout!.on("data", (bytes) => {
    said.stdout += bytes;
  });
  child.stderr!.on("data", (bytes) => {
    said.stderr += bytes;
  });
  if (input) input.pipe(child.stdin!);
  const ended = once(child, "close");
  return {
    child,
    stderr: () => said.stderr,
    async finish(): Promise<Heard> {
      if (child.exitCode === null) child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      const summary = JSON.parse(said.stdout) as {
        problems: string[];
        stages: { id: string; out: number; counts: Record<string, number>; lost: Record<string, number> }[];
      };
      const { out, counts, lost } = summary.stages.find(({ id }) => id === "eye")!;
      expect(summary.stages.find(({ id }) => id === "clean")!.out).toBe(out);
      return { events: out, lost, counts, code, problems: summary.problems, stderr: said.stderr };
    },
    ended,
  };
}

function sender(way: string, target: string, forS = seconds, session = 1, atRate = rate): ChildProcess {
  const args = [
    join(root, "test/support/event-sender.mjs"),
    way,
    target,
    `${atRate}`,
    `${forS}`,
    `${session}`,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  untilEnd(() => endOf(child));
  return child;
}

async function sentBy(child: ChildProcess): Promise<number> {
  let said = "";
  child.stderr!.on("data", (bytes) => {
    said += bytes;
  });
  await once(child, "close");
  const sent = Number(/sent (\d+)/.exec(said)?.[1]);
  if (!(sent > 0)) throw new Error(`the sender failed: ${said}`);
  return sent;
}

const lostEvents = ({ lost }: Heard) =>
  Object.entries(lost).reduce((sum, [what, count]) => (what.startsWith("events") ? sum + count : sum), 0);

/** Runs until a try lost nothing; each must account for every event. */
async function nothingLost(once: () => Promise<{ sent: number; heard: Heard }>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { sent, heard } = await once();
    const { events, counts } = heard;
    process.stderr.write(
      `    ${sent} sent, ${events} heard, ${lostEvents(heard)} lost ${JSON.stringify(heard.lost)}, drift ${counts["drift of the device's clock, us"] ?? 0} us, delay ${counts["delay, us"] ?? 0} us\n`,
    );
    expect(events + lostEvents(heard)).toBe(sent);
    if (lostEvents(heard) === 0 && sent >= 0.9 * rate * seconds) return;
    if (attempt === triesMax) throw new Error(`lost or too slow ${triesMax} times`);
  }
}

const size = "640x480";

describe(`${rate} events a second for ${seconds} s`, () => {
  const limitMs = triesMax * (seconds * 1000 + 15_000);

  test("UDP", { timeout: limitMs }, async () => {
    await nothingLost(async () => {
      const run = receiver({ use: "udp", geometry: size, port: 0 });
      const port = await eventually("the port", () => /UDP port (\d+)/.exec(run.stderr())?.[1]);
      const sent = await sentBy(sender("udp", port));
      return { sent, heard: await run.finish() };
    });
  });

  test("TCP", { timeout: limitMs }, async () => {
    await nothingLost(async () => {
      const run = receiver({ use: "tcp", mode: "listen", format: "frames", geometry: size, port: 0 });
      const port = await eventually("the port", () => /TCP port (\d+)/.exec(run.stderr())?.[1]);
      const sent = await sentBy(sender("tcp", port));
      return { sent, heard: await run.finish() };
    });
  });

  test("standard input", { timeout: limitMs }, async () => {
    await nothingLost(async () => {
      const speaking = sender("stdout", "-");
      const run = receiver(
        { use: "stdin", format: "frames", times: "device", geometry: size },
        speaking.stdout!,
      );
      const sent = await sentBy(speaking);
      await run.ended;
      return { sent, heard: await run.finish() };
    });
  });

  test("MQTT through Mosquitto", { timeout: limitMs }, async () => {
    const port = await freePort();
    await startMosquitto(port, "max_queued_messages 0");
    const url = `mqtt://127.0.0.1:${port}`;
    await nothingLost(async () => {
      const run = receiver({ use: "mqtt-events", geometry: size, url });
      await eventually("the subscription", () => /stale/.test(run.stderr()));
      const sent = await sentBy(sender("mqtt", `${url}#reflexarc/eye/events`));
      return { sent, heard: await run.finish() };
    });
  });
});

test("above the bound all is counted: a receiver that stands still for two seconds", {
  timeout: 60_000,
}, async () => {
  const run = receiver({ use: "udp", geometry: size, port: 0, queueEvents: 32_768 });
  const port = await eventually("the port", () => /UDP port (\d+)/.exec(run.stderr())?.[1]);
  const sending = sentBy(sender("udp", port, 5));
  await pause(1500);
  run.child.kill("SIGSTOP");
  await pause(2000);
  run.child.kill("SIGCONT");
  const sent = await sending;
  const heard = await run.finish();
  process.stderr.write(`    ${sent} sent in 5 s, ${heard.events} heard, ${JSON.stringify(heard.lost)}\n`);
  expect(heard.events + lostEvents(heard)).toBe(sent);
  expect(lostEvents(heard)).toBeGreaterThan(50_000);
  expect(heard.code).toBe(4);
});

test("SPIF has no numbers: what the system dropped is counted in datagrams, and that the rest is unknown is said", {
  timeout: 60_000,
}, async () => {
  const run = receiver({ use: "udp", geometry: size, port: 0, format: "spif" });
  const port = await eventually("the port", () => /UDP port (\d+)/.exec(run.stderr())?.[1]);
  const sent = await sentBy(sender("spif", port, 3, 1, 50_000_000));
  await pause(1500);
  const { counts, lost, problems } = await run.finish();
  process.stderr.write(
    `    ${sent / 128} datagrams sent, ${counts.datagrams} heard, ${JSON.stringify(lost)}\n`,
  );
  const dropped = lost["datagrams dropped by the system"] ?? 0;
  expect(counts.datagrams! + dropped).toBe(sent / 128);
  expect(problems.join()).toMatch(/can't be known: spif has no sequence numbers/);
});

test.each(["udp", "tcp"])(
  "%s: a sender that is killed and started again is heard again by itself",
  { timeout: 60_000 },
  async (way) => {
    const listening = way === "tcp" ? { mode: "listen", format: "frames" } : {};
    const run = receiver({ use: way, geometry: size, port: 0, ...listening });
    const port = await eventually("the port", () => /port (\d+)/.exec(run.stderr())?.[1]);
    const first = sender(way, port, 30, 1, 50_000);
    await pause(1500);
    await endOf(first);
    await eventually("the loss", () => /eye: stale/.test(run.stderr()));
    const sent = await sentBy(sender(way, port, 1, 2, 50_000));
    await pause(300);
    const heard = await run.finish();
    expect(run.stderr()).toMatch(/stale[\s\S]*it is heard again/);
    expect(heard.events).toBeGreaterThan(sent);
    expect(heard.code).toBe(way === "tcp" ? 5 : 0);
  },
);

/** A serial cable for bytes: what the host says comes to `hear`. */
async function cable(path: string, hear: (bytes: Uint8Array) => void) {
  const { child, said } = peer("socat", [`PTY,link=${path},raw,echo=0`, "STDIO"], "pipe");
  child.stdout!.on("data", hear);
  child.stdin!.on("error", () => {});
  await eventually(`socat's port ${said.stderr}`, () => existsSync(path));
  return {
    say: (bytes: Uint8Array) => child.stdin!.write(bytes),
    async pull() {
      await endOf(child);
      rmSync(path, { force: true });
    },
  };
}

describe("eDVS on a pseudo-terminal", () => {
  async function plugCamera(path: string) {
    let say = (_bytes: Uint8Array): unknown => undefined;
    const board = new EdvsBoard((bytes) => say(bytes));
    const line = await cable(path, (bytes) => board.receive(bytes));
    say = line.say;
    return { board, pull: line.pull };
  }

  /** Streams at 80 % of 4 Mbaud: 320 kB/s, 53,333 events a second of 6 bytes. */
  async function stream(board: EdvsBoard, forMs: number): Promise<number> {
    const perMs = 320 / 6;
    let sent = 0;
    for (const startMs = performance.now(); performance.now() - startMs < forMs; await pause(2)) {
      const due = Math.floor((performance.now() - startMs) * perMs);
      const events = Array.from({ length: Math.min(due - sent, 5000) }, (_, i): Event => {
        const n = sent + i;
        return [Math.floor((n * 1000) / perMs), pixelAddress(n % 128, (n >> 7) % 128, n & 1)];
      });
      board.see(events);
      sent += events.length;
    }
    return sent;
  }

  test(`80 % of its line rate for ${seconds} s, nothing lost`, {
    timeout: seconds * 1000 + 60_000,
  }, async () => {
    const path = join(temporaryFolder(), "edvs");
    const { board } = await plugCamera(path);
    const run = receiver({ use: "edvs", port: path });
    await eventually("streaming", () => board.streaming);
    const sent = await stream(board, seconds * 1000);
    await pause(500);
    const heard = await run.finish();
    process.stderr.write(`    ${sent} sent, ${heard.events} heard\n`);
    expect(board.commands).toContain("!E4");
    expect(heard).toMatchObject({ events: sent, lost: {}, code: 0 });
    await eventually("the end of streaming", () => board.commands.at(-1) === "E-");
  });

  test("pulled and plugged again, it is set up anew by itself", { timeout: 60_000 }, async () => {
    const path = join(temporaryFolder(), "edvs");
    const first = await plugCamera(path);
    const run = receiver({ use: "edvs", port: path });
    await eventually("streaming", () => first.board.streaming);
    const before = await stream(first.board, 500);
    await pause(200);
    await first.pull();
    await eventually("the loss", () => /eye: stale/.test(run.stderr()));
    await pause(1000);
    const second = await plugCamera(path);
    await eventually("streaming again", () => second.board.streaming, 20_000);
    const after = await stream(second.board, 500);
    await pause(300);
    const heard = await run.finish();
    expect(heard).toMatchObject({ events: before + after, lost: {}, code: 5 });
    expect(run.stderr()).toMatch(/it is heard again/);
  });
});

/** Just enough of OpenMV's firmware for the script that runs on the camera: a sensor with 500 events every 5 ms. */
const openMv = {
  "csi.py": `
import time
GENX320 = 0; IOCTL_GENX320_SET_MODE = 1; IOCTL_GENX320_READ_EVENTS = 2; GENX320_MODE_EVENT = 3
class CSI:
    def __init__(self, cid): self.us = 0
    def reset(self): pass
    def ioctl(self, what, *args):
        if what != IOCTL_GENX320_READ_EVENTS: return 0
        time.sleep(0.005)
        rows = args[0]
        for i in range(500):
            self.us += 10
            rows.put(i, (i & 1, self.us // 1000000, self.us // 1000 % 1000, self.us % 1000, i % 320, i % 317))
        return 500
`,
  "ulab/__init__.py": "",
  "ulab/numpy.py": `
import struct
uint16 = "H"
class zeros:
    def __init__(self, shape, dtype): self.bytes = bytearray(shape[0] * shape[1] * 2)
    def put(self, i, row): struct.pack_into("<6H", self.bytes, i * 12, *row)
    def tobytes(self): return self.bytes
`,
  // MicroPython's clock.
  "sitecustomize.py": "import time\ntime.ticks_us = lambda: time.monotonic_ns() // 1000 % (1 << 30)\n",
};

test("the script on the camera speaks what the driver of a GENX320 hears", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "ulab"));
  for (const [name, text] of Object.entries(openMv)) writeFileSync(join(folder, name), text);
  const path = join(folder, "usb");
  const { child, said } = peer("socat", [
    `PTY,link=${path},raw,echo=0`,
    `EXEC:env PYTHONPATH=${folder} python3 ${join(root, "drivers/openmv/genx320_stream.py")}`,
  ]);
  await eventually(`the port ${said.stderr}`, () => existsSync(path));
  const run = receiver({ use: "genx320", port: path });
  await pause(4000);
  const heard = await run.finish();
  await endOf(child);
  process.stderr.write(`    ${heard.events} events in ${heard.counts.frames} frames\n`);
  expect(heard.events).toBeGreaterThan(10_000);
  expect(heard.events % 500).toBe(0);
  expect(heard.lost).toEqual({});
  expect(heard.code).toBe(0);
});

test("a film comes through ffmpeg's pipe", { timeout: 60_000 }, async () => {
  // A program of that name that plays 300 PGM images, in place of a large package.
  const folder = temporaryFolder();
  const script = `#!/usr/bin/env node
for (let i = 0; i < 300; i++) {
  const image = Buffer.alloc(64 * 48, 100);
  image.fill(200, (i % 48) * 64, (i % 48) * 64 + 64);
  process.stdout.write(Buffer.concat([Buffer.from("P5\\n64 48\\n255\\n"), image]));
}
if (!process.argv.includes("pgm")) process.exit(1);
`;
  writeFileSync(join(folder, "ffmpeg"), script);
  chmodSync(join(folder, "ffmpeg"), 0o755);
  writeFileSync(join(folder, "film.mp4"), "");
  const run = receiver(
    { use: "video", file: join(folder, "film.mp4"), framesPerS: 100, mismatch: 0, leakHz: 0 },
    undefined,
    {
      PATH: `${folder}:${process.env.PATH}`,
    },
  );
  await run.ended;
  const heard = await run.finish();
  expect(heard.counts).toEqual({ frames: 300 });
  expect(heard.events).toBeGreaterThan(299 * 64 * 6 * 0.9);
  expect(heard.code).toBe(0);
});
