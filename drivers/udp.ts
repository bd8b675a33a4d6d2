/** Events that come in UDP datagrams: from AEStream (SPIF words), faery, jAER, or another Reflexarc. */

import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { aedat2Chips } from "../src/formats/aedat2.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { stagedEvents } from "./live/feed.ts";
import { geometryOption, liveShape, portOption, sizeFrom } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";
import { datagramFormats, datagramReader } from "./wire/datagrams.ts";

const options = z.strictObject({
  geometry: geometryOption,
  format: z
    .enum(datagramFormats)
    .default("frames")
    .describe(
      "what a datagram holds: frames (Reflexarc's own, numbered, with a checksum), spif (AEStream), faery-t64, faery-t32, jaer",
    ),
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("the address to listen on; 0.0.0.0 or :: lets other machines send"),
  port: portOption.default(8991).describe("the UDP port to listen on; 0 takes any free one"),
  from: z.string().min(1).optional().describe("the only address to take datagrams from; any by default"),
  chip: z
    .enum(aedat2Chips)
    .optional()
    .describe("jaer: the chip that the addresses are of; the one of that size by default"),
  sequenceNumbers: z
    .boolean()
    .default(true)
    .describe("jaer: whether datagrams begin with a sequence number, as jAER's do by default"),
  ...liveShape(["drop-oldest", "keep-latest"]),
});

type Options = z.output<typeof options>;
export type MakeSocket = (options: SocketOptions) => Socket;

/** Asked of the system, which may grant less: a second of a dense scene. */
const receiveBytes = 1 << 22;
/** Our own sender beats each 20 ms, whatever its camera sees. */
const beatUs = 20_000;
const dropsEveryUs = 1_000_000;

/** Listens. Throws a device error when the port is taken or the address isn't this machine's. */
export async function openUdp(
  given: Options,
  context: SensorContext,
  make: MakeSocket = createSocket,
): Promise<Sensor> {
  const { id, clock, signal, dozeUs } = context;
  const geometry = sizeFrom(given.geometry);
  const reader = datagramReader(given.format, { ...given, geometry });
  const stream = new LiveStream({
    geometry,
    clock,
    signal,
    dozeUs,
    options: given,
    ...(given.format === "frames" && { periodUs: beatUs }),
  });
  const staged = stagedEvents();
  const socket = make({ type: isIPv6(given.host) ? "udp6" : "udp4", recvBufferSize: receiveBytes });
  let datagrams = 0;
  let strangers = 0;
  let dropped: number | undefined;
  let lookedUs = clock.nowUs();
  socket.on("message", (datagram, { address }) => {
    if (given.from !== undefined && address !== given.from) {
      strangers += 1;
      return;
    }
    datagrams += 1;
    // The system drops only while something comes.
    if (clock.nowUs() - lookedUs > dropsEveryUs) look();
    staged.count = 0;
    reader.decode(datagram, staged);
    stream.heard();
    stream.offer(staged, { untimed: reader.untimed });
  });
  const { port } = await listen(socket, given, id);
  if (port !== given.port) context.notice(`${id}: listens on UDP port ${port}`);

  const look = () => {
    lookedUs = clock.nowUs();
    dropped = reader.numbered ? undefined : (kernelDrops(port) ?? dropped);
  };
  look();
  const close = () => {
    look();
    socket.close();
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const unknown = `what was lost on the way can't be known: ${given.format} has no sequence numbers`;
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => ({
      ...stream.counts(),
      datagrams,
      ...reader.counts(),
      ...(strangers > 0 && { "datagrams of others, left out": strangers }),
    }),
    lost: () => ({
      ...stream.lost(),
      ...reader.lost(),
      ...(dropped !== undefined && dropped > 0 && { "datagrams dropped by the system": dropped }),
    }),
    problems: () => {
      if (reader.numbered) return [];
      return [dropped === undefined ? unknown : `${unknown}; the system itself counts what it dropped here`];
    },
  };
}

export default defineSensor({
  name: "udp",
  about: "Takes camera events from UDP datagrams: AEStream, faery, jAER, or Reflexarc's own.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openUdp(options, context),
});

function listen(socket: Socket, { host, port }: Options, room: string): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      const [what, remedy] = bindErrors[cause.code ?? ""] ?? [
        `the port can't be opened (${cause.code})`,
        "Choose another port.",
      ];
      reject(new ReflexarcError({ kind: "device", room, what, where: `${host}:${port}`, remedy }, { cause }));
    });
    socket.bind(port, host, () => {
      // A loopback peer that isn't there makes errors that mean nothing to a listener.
      socket.removeAllListeners("error").on("error", () => {});
      resolve(socket.address());
    });
  });
}

const bindErrors: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EADDRINUSE: ["the port is in use", "Close the program that uses it, or choose another port."],
  EADDRNOTAVAIL: ["this machine has no such address", "Listen on 127.0.0.1, or on 0.0.0.0 for all."],
  EACCES: ["the port is reserved", "Choose one above 1023."],
  ENOTFOUND: ["there is no such host", "Give an address of this machine."],
};

/** Datagrams that Linux dropped because the socket's buffer was full; undefined where the system doesn't say. */
function kernelDrops(port: number): number | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/net/udp", "/proc/net/udp6"]) {
    try {
      for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/);
        if (fields[1]?.endsWith(wanted)) return Number(fields.at(-1));
      }
    } catch {
      return undefined;
    }
  }
  return undefined;
}
