/** Events that come over TCP: the network stream of DV (AEDAT 4), any other format, or Reflexarc's own frames. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { pixels } from "../src/events/geometry.ts";
import { type DriverContext, defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { backoff } from "./live/backoff.ts";
import { feedAll, LostSoFar, liveDecoder, streamFormats } from "./live/feed.ts";
import { geometryOption, liveShape, portOption, sizeFrom } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";

const options = z.strictObject({
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("connect: the sender's address; listen: the address to listen on, 0.0.0.0 for all"),
  port: portOption.default(7777).describe("the TCP port; 7777 is that of DV's network output"),
  mode: z
    .enum(["connect", "listen"])
    .default("connect")
    .describe("connect: goes to a sender that listens, as DV does; listen: waits for one sender at a time"),
  format: z
    .enum(streamFormats)
    .default("aedat4")
    .describe("what the bytes are: aedat4 as DV sends it, any other recording format, or frames"),
  geometry: geometryOption
    .optional()
    .describe("the sensor's size, such as 346x260; told by an AEDAT 4 stream"),
  ...liveShape(["block", "drop-oldest", "keep-latest"]),
});

type Options = z.output<typeof options>;

const headerUsMax = 3_000_000;
/** Our own sender beats each 20 ms, whatever its camera sees. */
const beatUs = 20_000;

/**
 * Connects, or listens. DV's stream is an AEDAT 4 file that never ends: version line, IOHeader with no data table, packets
 * (dv-processing 1.7 `network_reader.hpp`). Throws a device error when nobody answers, or no header tells the size.
 */
export async function openTcp(given: Options, context: SensorContext): Promise<Sensor> {
  const { id, clock, signal, notice, dozeUs } = context;
  const { host, port, mode, format } = given;
  const where = `${host}:${port}`;
  let geometry = given.geometry === undefined ? undefined : sizeFrom(given.geometry);
  if (geometry === undefined && mode === "listen")
    throw new ReflexarcError({
      kind: "usage",
      room: id,
      what: "who listens can't know the size of a sensor that isn't here yet",
      remedy: 'Give it, for example "geometry: 346x260".',
    });
  const stream = new LiveStream({
    geometry: geometry ?? pixels(1, 1),
    clock,
    signal,
    dozeUs,
    options: given,
    ...(format === "frames" && { periodUs: beatUs }),
  });
  const lost = new LostSoFar();

  /** Reads one connection to its end. */
  const converse = async (socket: Socket, known: () => void) => {
    const decoder = liveDecoder(format, geometry === undefined ? {} : { geometry }, (size) => {
      geometry ??= size;
      stream.geometry = geometry;
      known();
    });
    lost.begin(decoder);
    socket.setNoDelay(true);
    const cut = () => socket.destroy();
    signal.addEventListener("abort", cut, { once: true });
    try {
      await feedAll(socket, decoder, stream, { room: id, where });
      return "the sender closed the connection";
    } catch (cause) {
      if (cause instanceof ReflexarcError) notice(cause.message);
      return (cause as Error).message;
    } finally {
      signal.removeEventListener("abort", cut);
      socket.destroy();
    }
  };

  const sensor = () => ({
    geometry: geometry!,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => stream.counts(),
    lost: () => ({ ...stream.lost(), ...lost.counts() }),
  });
  const dropped = (why: string) => {
    if (!signal.aborted) stream.connection("lost", why);
  };

  if (mode === "listen") {
    await listenTo(given, context, stream, (socket) => converse(socket, () => {}));
    return sensor();
  }

  const first = await dial(given, id);
  const firstTalk = new Promise<void>((resolve, reject) => {
    if (geometry !== undefined) resolve();
    void converse(first, resolve).then((why) => {
      dropped(why);
      reject(
        new ReflexarcError({
          kind: "device",
          room: id,
          what: `nothing told the sensor's size: ${why}`,
          where,
          remedy: "Check that format is what the sender sends, or give the geometry.",
        }),
      );
      void redial();
    });
    void clock.until(clock.nowUs() + headerUsMax, signal).then(() => {
      if (geometry === undefined) first.destroy();
    });
  });
  const redial = async () => {
    for (const pause = backoff(clock, signal); !signal.aborted; ) {
      await pause.wait();
      if (signal.aborted || geometry === undefined) return;
      const socket = await dial(given, id).catch(() => undefined);
      if (!socket) continue;
      stream.connection("back");
      const before = stream.counts().events;
      dropped(await converse(socket, () => {}));
      // Who only says nonsense is not asked again at once.
      if (stream.counts().events !== before) pause.reset();
    }
  };
  await firstTalk;
  return sensor();
}

export default defineSensor({
  name: "tcp",
  about: "Takes camera events over TCP: DV's network stream, or any recording format as it is written.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openTcp(options, context),
});

async function dial({ host, port }: Options, room: string): Promise<Socket> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    socket.on("error", () => {});
    return socket;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ReflexarcError(
      {
        kind: "device",
        room,
        what: `nobody answers: ${code}`,
        where: `${host}:${port}`,
        remedy: "Start the sender, or correct host and port.",
      },
      { cause },
    );
  }
}

/** Takes one sender after the other; a second one at a time is turned away. */
async function listenTo(
  { host, port }: Options,
  { id, signal, notice }: DriverContext,
  stream: LiveStream,
  converse: (socket: Socket) => Promise<string>,
): Promise<void> {
  let talking = false;
  const server = createServer((socket) => {
    // What breaks a conversation is told by its reader; of one that was turned away nobody wants to know.
    socket.on("error", () => {});
    if (talking) {
      socket.destroy();
      return;
    }
    talking = true;
    stream.connection("back");
    void converse(socket).then((why) => {
      talking = false;
      if (!signal.aborted) stream.connection("lost", why);
    });
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ReflexarcError(
      {
        kind: "device",
        room: id,
        what: code === "EADDRINUSE" ? "the port is in use" : `it can't listen: ${code}`,
        where: `${host}:${port}`,
        remedy: "Choose another port, or another address of this machine.",
      },
      { cause },
    );
  }
  const bound = server.address() as { port: number };
  if (bound.port !== port) notice(`${id}: listens on TCP port ${bound.port}`);
  signal.addEventListener("abort", () => server.close(), { once: true });
  if (signal.aborted) server.close();
}
