/** Recordings for tests: decoded whole or in pieces, and made from random events. */

import fc from "fast-check";
import { type PixelGeometry, pixelAddress, pixels } from "../../src/events/geometry.ts";
import { copyPacket, Packet } from "../../src/events/packet.ts";
import type { DecodeOptions, Decoder, Format } from "../../src/formats/format.ts";
import { type PacketOptions, type PacketReader, readPackets } from "../../src/formats/packets.ts";
import { type Event, eventsOf, packetOf } from "./packets.ts";

/** Cuts bytes into pieces of the given lengths, again and again; each piece is overwritten once it has been used. */
export function* pieces(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = Math.max(1, lengths[i % lengths.length]!);
    const piece = Uint8Array.from(bytes.subarray(at, at + length));
    yield piece;
    piece.fill(0xee);
    at += length;
  }
}

export async function* asyncPieces(
  bytes: Uint8Array,
  lengths: readonly number[] = [65536],
): AsyncGenerator<Uint8Array> {
  yield* pieces(bytes, lengths);
}

/** All events of a file, and its decoder at the end. */
export function decodeAll(
  format: Format,
  bytes: Uint8Array,
  options: DecodeOptions = {},
  lengths: readonly number[] = [65536],
): { events: Event[]; decoder: Decoder; cut: boolean } {
  const decoder = format.decoder(options);
  const staged = new Packet(pixels(1, 1), 1);
  const events: Event[] = [];
  const readAll = () => {
    for (let more = true; more; ) {
      staged.count = 0;
      more = decoder.read(staged);
      for (const event of eventsOf(staged)) events.push(event);
    }
  };
  for (const piece of pieces(bytes, lengths)) {
    decoder.push(piece);
    readAll();
  }
  decoder.end();
  readAll();
  return { events, decoder, cut: decoder.problems.some(({ fatal }) => fatal) };
}

/** Packets of a file, copied, and what was thrown at the end. */
export async function packetsAll(
  format: Format,
  bytes: Uint8Array,
  packetOptions: PacketOptions,
  options: DecodeOptions = {},
  lengths: readonly number[] = [65536],
): Promise<{ packets: Packet[]; reader: PacketReader; error: unknown }> {
  const reader = await readPackets(
    asyncPieces(bytes, lengths),
    format,
    format.decoder(options),
    "test",
    packetOptions,
  );
  const packets: Packet[] = [];
  try {
    for await (const packet of reader.packets) packets.push(copyPacket(packet));
  } catch (error) {
    return { packets, reader, error };
  }
  return { packets, reader, error: undefined };
}

/** Random packets of one camera: sorted events from `startUs` on, in packets of random size. */
export function randomPackets(geometry: PixelGeometry, startUs: number): fc.Arbitrary<Packet[]> {
  const event = fc.record({
    stepUs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(100_000)),
    x: fc.nat(geometry.width - 1),
    y: fc.nat(geometry.height - 1),
    on: fc.nat(1),
  });
  return fc.array(fc.array(event, { maxLength: 60 }), { maxLength: 6 }).map((groups) => {
    let timeUs = startUs;
    return groups.map((group) =>
      packetOf(
        geometry,
        group.map(({ stepUs, x, y, on }) => {
          timeUs += stepUs;
          return [timeUs, pixelAddress(x, y, on)] as const;
        }),
      ),
    );
  });
}

export const lengthsOf = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })),
  {
    minLength: 1,
    maxLength: 8,
  },
);

/** A recording of a moving edge: the same for the same arguments. */
export function steadyPackets(
  geometry: PixelGeometry,
  events: number,
  startUs: number,
  perPacket = 500,
): Packet[] {
  const packets: Packet[] = [];
  for (let from = 0; from < events; from += perPacket) {
    const list: Event[] = [];
    for (let i = from; i < Math.min(from + perPacket, events); i++) {
      const x = (i >> 2) % geometry.width;
      const y = (i * 7) % geometry.height;
      list.push([startUs + i * 3 + ((i * i) % 3), pixelAddress(x, y, (i >> 1) & 1)]);
    }
    packets.push(packetOf(geometry, list));
  }
  return packets;
}
