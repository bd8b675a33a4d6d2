/** Questions that move nothing, by protocol: what is at the other end of a serial port. */

import type { Clock } from "../../src/clock.ts";
import { lssReply } from "../lss.ts";
import { lxCommands, lxPacket, lxReader } from "../lx-16a.ts";
import { broadcast, instructions, protocol1, protocol2 } from "../wire/dynamixel.ts";
import { FirmataReader, versionQuery } from "../wire/firmata.ts";
import { LineReader, textBytes } from "../wire/lines.ts";
import { word } from "../wire/words.ts";
import type { OpenTalkingPort } from "./link.ts";

interface Probe {
  readonly baudRate: number;
  readonly question: Uint8Array;
  /** Longest that an answer takes, microseconds; a board that restarts at the opening needs 2 s before it can hear. */
  readonly withinUs: number;
  /** What answered, in words; undefined while nothing that fits has come. Gets all bytes so far. */
  answerIn(bytes: Uint8Array): string | undefined;
}

const linesIn = (bytes: Uint8Array) => new LineReader().push(Uint8Array.from([...bytes, 10]));
const lineThat = (pattern: RegExp) => (bytes: Uint8Array) =>
  linesIn(bytes).find((line) => pattern.test(line));
const busUs = 300_000;
const startUs = 2_500_000;

/** An adapter that hears itself gives back the question, which has the id of all. */
const idsIn = (packets: readonly { id: number }[], what: string) => {
  const ids = [...new Set(packets.map(({ id }) => id))].filter((id) => id < broadcast);
  return ids.length > 0 ? `${what} ${ids.join(", ")}` : undefined;
};

/** By name, as `devices --probe` takes them. */
export const probes = {
  firmata: {
    baudRate: 57_600,
    question: versionQuery,
    withinUs: startUs,
    answerIn(bytes) {
      const messages = new FirmataReader().push(bytes);
      const firmware = messages.find((message) => message.kind === "firmware");
      if (firmware?.kind === "firmware")
        return `Firmata ${firmware.major}.${firmware.minor}, ${firmware.name}`;
      const version = messages.find((message) => message.kind === "version");
      return version?.kind === "version" ? `Firmata ${version.major}.${version.minor}` : undefined;
    },
  },
  "reflexarc-servo": {
    baudRate: 115_200,
    question: textBytes("?\r"),
    withinUs: startUs,
    answerIn: lineThat(/reflexarc-servo/),
  },
  "ssc-32": {
    baudRate: 115_200,
    question: textBytes("VER\r"),
    withinUs: busUs,
    answerIn: lineThat(/^SSC32/i),
  },
  maestro: {
    baudRate: 115_200,
    question: Uint8Array.of(0xaa, 12, 0x21),
    withinUs: busUs,
    answerIn: (bytes) => (bytes.length === 2 ? `Maestro, errors ${word(bytes, 0)}` : undefined),
  },
  grbl: {
    baudRate: 115_200,
    question: textBytes("?"),
    withinUs: startUs,
    answerIn: lineThat(/^(<[A-Z][a-z]+[:|0-9].*MPos|Grbl )/),
  },
  "dynamixel-2": {
    baudRate: 57_600,
    question: protocol2.packet(broadcast, instructions.ping, []),
    withinUs: 800_000,
    answerIn: (bytes) => idsIn(protocol2.reader().push(bytes), "Dynamixel 2.0 servos"),
  },
  "dynamixel-1": {
    baudRate: 1_000_000,
    question: protocol1.packet(broadcast, instructions.ping, []),
    withinUs: 800_000,
    answerIn: (bytes) => idsIn(protocol1.reader().push(bytes), "Dynamixel 1.0 or Feetech servos"),
  },
  "lx-16a": {
    baudRate: 115_200,
    // 14 asks for the id; with the broadcast id only a single servo can answer.
    question: lxPacket(broadcast, 14),
    withinUs: busUs,
    answerIn: (bytes) =>
      idsIn(
        lxReader()
          .push(bytes)
          .filter(({ command }) => command === 14 || command === lxCommands.position),
        "LX servo",
      ),
  },
  lss: {
    baudRate: 115_200,
    question: textBytes("#254QID\r"),
    withinUs: busUs,
    answerIn: (bytes) =>
      idsIn(
        linesIn(bytes).flatMap((line) => lssReply(line) ?? []),
        "LSS servos",
      ),
  },
  edvs: {
    baudRate: 4_000_000,
    question: textBytes("\n??\n"),
    withinUs: busUs,
    answerIn: lineThat(/eDVS/i),
  },
} as const satisfies Record<string, Probe>;

export type ProbeName = keyof typeof probes;

/**
 * Opens a port, asks one question and answers what it heard: what it recognised, or nothing. Opening may restart a board.
 * Throws what opening throws.
 */
export async function probePort(
  { path, name, baudRate = probes[name].baudRate }: { path: string; name: ProbeName; baudRate?: number },
  clock: Clock,
  open: OpenTalkingPort,
): Promise<string | undefined> {
  const probe: Probe = probes[name];
  const port = await open(path, baudRate);
  let heard = new Uint8Array();
  const found = new AbortController();
  port.on("data", (bytes) => {
    heard = Uint8Array.from([...heard, ...bytes]).slice(-4096);
    if (probe.answerIn(heard) !== undefined) found.abort();
  });
  port.on("error", () => found.abort());
  // Asked at once, and again when a board that restarts has come up.
  const endUs = clock.nowUs() + probe.withinUs;
  for (const untilUs of [clock.nowUs() + Math.min(busUs, probe.withinUs), endUs]) {
    if (found.signal.aborted || clock.nowUs() >= endUs) break;
    port.write(probe.question, () => {});
    await clock.until(untilUs, found.signal);
  }
  await new Promise<void>((resolve) => port.close(() => resolve()));
  return probe.answerIn(heard);
}
