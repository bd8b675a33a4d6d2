/** Camera events that leave in UDP datagrams: for another Reflexarc, AEStream's receivers, faery or jAER. */

import { randomBytes } from "node:crypto";
import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { isIPv6 } from "node:net";
import { z } from "zod";
import type { PixelGeometry } from "../src/events/geometry.ts";
import { aedat2Chips } from "../src/formats/aedat2.ts";
import { defineSink, type Sink, type SinkContext } from "../src/stage.ts";
import { portOption } from "./live/options.ts";
import { datagramFormats, datagramWriter } from "./wire/datagrams.ts";

const options = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("the address to send to"),
  port: portOption.min(1).default(8991).describe("the UDP port to send to"),
  format: z
    .enum(datagramFormats)
    .default("frames")
    .describe("what a datagram holds; see udp. Only frames and jaer let the receiver see what is lost"),
  datagramEvents: z
    .int()
    .positive()
    .optional()
    .describe("events in a datagram, at most; by default what fits into one Ethernet frame"),
  chip: z
    .enum(aedat2Chips)
    .optional()
    .describe("jaer: the chip that the addresses are of; the one of that size by default"),
});

type Options = z.output<typeof options>;

/** Datagrams that may be on their way to the system before the run waits. */
const pendingMax = 64;
const beatUs = 20_000;

export async function openUdpSend(
  given: Options,
  { geometry }: SinkContext,
  make: (options: SocketOptions) => Socket = createSocket,
): Promise<Sink> {
  const session = randomBytes(4).readUInt32LE();
  const writer = datagramWriter(given.format, { ...given, geometry: geometry as PixelGeometry, session });
  const perDatagram = Math.min(writer.eventsMax, given.datagramEvents ?? writer.eventsUsual);
  const socket = make({ type: isIPv6(given.host) ? "udp6" : "udp4" });
  let pending = 0;
  let refused = 0;
  let datagrams = 0;
  let spokeUs = Number.NEGATIVE_INFINITY;
  let settled: (() => void) | undefined;
  socket.on("error", () => {
    refused += 1;
  });
  const send = (bytes: Uint8Array) => {
    pending += 1;
    datagrams += 1;
    socket.send(bytes, given.port, given.host, (error) => {
      pending -= 1;
      if (error) refused += 1;
      if (pending < pendingMax / 2) settled?.();
    });
  };
  const idle = (below: number) =>
    pending < below
      ? undefined
      : new Promise<void>((resolve) => {
          settled = () => {
            if (pending >= below) return;
            settled = undefined;
            resolve();
          };
        });
  const close = async () => {
    await idle(1);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  };
  return {
    write(packet) {
      for (let from = 0; from < packet.count; from += perDatagram)
        send(writer.encode(packet, from, Math.min(packet.count, from + perDatagram)));
      if (packet.count > 0) spokeUs = packet.toUs;
      else if (writer.beats && packet.toUs - spokeUs >= beatUs) {
        send(writer.encode(packet, 0, 0));
        spokeUs = packet.toUs;
      }
    },
    settle: () => idle(pendingMax),
    end: close,
    discard: close,
    counts: () => ({ datagrams }),
    lost: (): Record<string, number> => (refused > 0 ? { "datagrams that the system refused": refused } : {}),
  };
}

export default defineSink({
  name: "udp-send",
  about: "Sends camera events in UDP datagrams.",
  takes: "events",
  options,
  open: (options, context) => openUdpSend(options, context),
});
