/** Camera events that leave over TCP: as DV's network output does (AEDAT 4), in any format that can be written, or as frames. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import type { PixelGeometry } from "../src/events/geometry.ts";
import { Packet } from "../src/events/packet.ts";
import { formatNamed, formats } from "../src/formats/index.ts";
import { defineSink, type Sink, type SinkContext } from "../src/stage.ts";
import { portOption } from "./live/options.ts";
import { EventFrameWriter, frameEventsMax } from "./wire/event-frame.ts";

const writable = ["frames", ...formats.filter(({ encoder }) => encoder).map(({ name }) => name)];

const options = z.strictObject({
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("listen: the address to listen on; connect: the receiver's address"),
  port: portOption.default(7777).describe("the TCP port; 0 takes any free one to listen on"),
  mode: z
    .enum(["listen", "connect"])
    .default("listen")
    .describe("listen: receivers connect, as DV's do; connect: goes to one that listens"),
  format: z
    .enum(writable as [string, ...string[]])
    .default("aedat4")
    .describe(
      "what the bytes are: aedat4 for DV, another format, or frames (Reflexarc's own, with heartbeats)",
    ),
});

type Options = z.output<typeof options>;

/** Bytes that may wait for a receiver before the run waits, too. */
const waitingBytesMax = 1 << 20;
/** A receiver that takes nothing for so long is let go. */
const stuckUsMax = 5_000_000;
const beatUs = 20_000;

/** Turns packets into the bytes of one connection. */
interface Speaker {
  start(): Uint8Array;
  say(packet: Packet): Uint8Array;
}

export async function openTcpSend(given: Options, context: SinkContext): Promise<Sink> {
  const { id, clock, notice, signal, geometry } = context;
  const receivers = new Map<Socket, Speaker>();
  let unheard = 0;
  let letGo = 0;
  let spokeUs = Number.NEGATIVE_INFINITY;
  const take = (socket: Socket) => {
    const speaker = speakerOf(given.format, geometry as PixelGeometry);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("close", () => receivers.delete(socket));
    socket.resume();
    socket.write(speaker.start());
    receivers.set(socket, speaker);
  };
  let server: Server | undefined;
  if (given.mode === "listen") {
    server = await serve(given, id, take);
    const { port } = server.address() as { port: number };
    if (port !== given.port) notice(`${id}: listens on TCP port ${port}`);
  } else take(await dial(given, id));

  const drained = async (socket: Socket) => {
    const stuck = clock.until(clock.nowUs() + stuckUsMax, signal).then(() => "stuck");
    if ((await Promise.race([once(socket, "drain"), once(socket, "close"), stuck])) !== "stuck") return;
    letGo += 1;
    socket.destroy();
  };
  const end = async () => {
    server?.close();
    await Promise.all(
      [...receivers.keys()].map(async (socket) => {
        socket.end();
        const late = clock.until(clock.nowUs() + stuckUsMax).then(() => socket.destroy());
        await Promise.race([once(socket, "close"), late]);
      }),
    );
  };
  return {
    write(packet) {
      if (packet.count === 0 && !(given.format === "frames" && packet.toUs - spokeUs >= beatUs)) return;
      spokeUs = packet.toUs;
      if (receivers.size === 0) unheard += packet.count;
      for (const [socket, speaker] of receivers) socket.write(speaker.say(packet));
    },
    settle() {
      const slow = [...receivers.keys()].filter((socket) => socket.writableLength > waitingBytesMax);
      return slow.length === 0 ? undefined : Promise.all(slow.map(drained)).then(() => {});
    },
    end,
    discard: end,
    counts: (): Record<string, number> =>
      unheard > 0 ? { "events while nobody was connected": unheard } : {},
    lost: (): Record<string, number> =>
      letGo > 0 ? { "receivers let go because they took nothing": letGo } : {},
  };
}

export default defineSink({
  name: "tcp-send",
  about: "Sends camera events over TCP, as DV's network output does.",
  takes: "events",
  options,
  open: (options, context) => openTcpSend(options, context),
});

function speakerOf(format: string, geometry: PixelGeometry): Speaker {
  if (format !== "frames") {
    const encoder = formatNamed(format)!.encoder!(geometry, {});
    return { start: () => encoder.start(), say: (packet) => encoder.push(packet) };
  }
  const frames = new EventFrameWriter(geometry, randomBytes(4).readUInt32LE());
  const say = (packet: Packet) => {
    const parts = [];
    for (let from = 0; from < Math.max(1, packet.count); from += frameEventsMax)
      parts.push(frames.frame(packet, from, Math.min(packet.count, from + frameEventsMax)));
    return Buffer.concat(parts);
  };
  return { start: () => say(new Packet(geometry, 1)), say };
}

async function serve({ host, port }: Options, room: string, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer(take);
  try {
    server.listen(port, host);
    await once(server, "listening");
    return server;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === "EADDRINUSE" ? "the port is in use" : `it can't listen: ${code}`;
    throw deviceError(
      room,
      what,
      `${host}:${port}`,
      "Choose another port, or an address of this machine.",
      cause,
    );
  }
}

async function dial({ host, port }: Options, room: string): Promise<Socket> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return socket;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw deviceError(room, `nobody answers: ${code}`, `${host}:${port}`, "Start the receiver first.", cause);
  }
}

function deviceError(
  room: string,
  what: string,
  where: string,
  remedy: string,
  cause: unknown,
): ReflexarcError {
  return new ReflexarcError({ kind: "device", room, what, where, remedy }, { cause });
}
