/** The microphone with a real child: a program of the name arecord, its bytes through a pipe, its death and its return. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import microphone from "../../drivers/microphone.ts";
import { wallClock } from "../../src/clock.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-arecord-"));
const path = process.env.PATH;
afterAll(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

/** Gives a tone in lumps of 20 ms, in real time, and dies after ten of them. */
const program = `#!${process.execPath}
const rate = Number(process.argv.find((word) => word.startsWith("--rate=")).slice(7));
let lump = 0;
const timer = setInterval(() => {
  const bytes = Buffer.alloc(2 * rate / 50);
  for (let i = 0; i < bytes.length / 2; i++) bytes.writeInt16LE(Math.round(9000 * Math.sin(i / 5)), 2 * i);
  process.stdout.write(bytes);
  if (++lump < 10) return;
  clearInterval(timer);
  process.stderr.write("unplugged\\n");
  process.exitCode = 1;
}, 20);
`;

test("a child that dies is started again, and its sound goes on", async () => {
  writeFileSync(join(folder, "arecord"), program);
  chmodSync(join(folder, "arecord"), 0o755);
  process.env.PATH = `${folder}${delimiter}${path}`;
  const ending = new AbortController();
  const notices: string[] = [];
  const sensor = await microphone.open(microphone.options.parse({ program: "arecord", rateHz: 8000 }), {
    id: "ears",
    pipeline: "test",
    clock: wallClock(),
    signal: ending.signal,
    seed: 1,
    resolvePath: (file) => file,
    notice: (text) => notices.push(text),
  });
  let samples = 0;
  let stale: string | undefined;
  let reachedUs: number | undefined;
  for await (const batch of sensor.packets) {
    if (reachedUs !== undefined) expect(batch.fromUs).toBe(reachedUs);
    reachedUs = batch.toUs;
    samples += batch.count;
    stale ??= sensor.stale?.()?.why;
    if (samples >= 4000) break;
  }
  ending.abort();
  expect(notices).toEqual(["ears: arecord records"]);
  expect(stale).toBe("arecord ended: unplugged");
  expect(sensor.counts?.()["connections lost"]).toBeGreaterThan(1);
  expect(sensor.lost?.()).toEqual({});
});
