/** Datagrams: the bytes of AEStream, faery and jAER as their sources have them, round trips, damage, sequence numbers. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { datagramFormats, datagramReader, datagramWriter } from "../../../drivers/wire/datagrams.ts";
import { pixelAddress, pixels } from "../../../src/events/geometry.ts";
import { Packet } from "../../../src/events/packet.ts";
import { eventsOf, packetOf } from "../../support/packets.ts";
import { randomPackets } from "../../support/recordings.ts";

const geometry = pixels(128, 128);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

function decode(format: (typeof datagramFormats)[number], ...datagrams: readonly Uint8Array[]) {
  const reader = datagramReader(format, { geometry });
  const into = new Packet(geometry);
  for (const datagram of datagrams) reader.decode(datagram, into);
  return { events: eventsOf(into), reader };
}

describe("the bytes of others", () => {
  test("SPIF without times: x 5, y 9, ON; and with: x 5, y 9, OFF at 258 us", () => {
    const bare = decode("spif", hex("09 80 05 80"));
    expect(bare.events).toEqual([[0, pixelAddress(5, 9, 1)]]);
    expect(bare.reader.untimed).toBe(true);
    const timed = decode("spif", hex("09 00 05 00 02 01 00 00"));
    expect(timed.events).toEqual([[258, pixelAddress(5, 9, 0)]]);
    expect(timed.reader.untimed).toBe(false);
  });

  test("faery's two layouts", () => {
    expect(decode("faery-t64", hex("01 00 00 00 01 00 00 00 0500 0900 01")).events).toEqual([
      [2 ** 32 + 1, pixelAddress(5, 9, 1)],
    ]);
    expect(decode("faery-t32", hex("01 00 00 00 0500 1200")).events).toEqual([[1, pixelAddress(5, 9, 0)]]);
  });

  test("jAER: sequence, address and time, big-endian, both axes turned over", () => {
    expect(decode("jaer", hex("00000001 00000101 00000102")).events).toEqual([
      [258, pixelAddress(127, 126, 1)],
    ]);
  });
});

describe.each(datagramFormats)("%s", (format) => {
  test("what is sent is received", () => {
    fc.assert(
      fc.property(randomPackets(geometry, 1000), (packets) => {
        const writer = datagramWriter(format, { geometry, session: 3 });
        const datagrams = packets.map((packet) => writer.encode(packet, 0, packet.count));
        const { events, reader } = decode(format, ...datagrams);
        expect(events).toEqual(packets.flatMap(eventsOf));
        expect(reader.lost()).toEqual({});
      }),
      { numRuns: 50 },
    );
  });

  test("any bytes give events inside the sensor, or are counted", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (datagrams) => {
        const { events } = decode(format, ...datagrams);
        for (const [timeUs, address] of events) {
          expect(Number.isSafeInteger(timeUs)).toBe(true);
          expect(address >>> 16 < 128 && (address & 0xffff) < 256).toBe(true);
        }
      }),
    );
    const cut = decode(format, hex("01 02 03"));
    expect(Object.values(cut.reader.lost()).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });

  test("tells what is missing where datagrams have numbers, and says where they have none", () => {
    const writer = datagramWriter(format, { geometry, session: 3 });
    const packet = packetOf(geometry, [
      [5, 0],
      [6, 2],
    ]);
    const [first, , third] = [1, 2, 3].map(() => writer.encode(packet, 0, 2));
    const { reader } = decode(format, first!, third!);
    expect(reader.numbered).toBe(format === "frames" || format === "jaer");
    if (reader.numbered)
      expect(reader.lost()[format === "jaer" ? "datagrams lost on the way" : "frames lost on the way"]).toBe(
        1,
      );
    else expect(reader.lost()).toEqual({});
  });
});

test("jAER's numbers go from 2^31 - 1 to 0, a sender that begins anew is no loss, and without numbers they are off", () => {
  const numbered = (sequence: number) => {
    const datagram = new Uint8Array(12);
    new DataView(datagram.buffer).setInt32(0, sequence);
    return datagram;
  };
  const { reader, events } = decode("jaer", ...[2 ** 31 - 1, 0, 1, 2, 5, 4, 1, 2].map(numbered));
  expect(events).toHaveLength(7);
  expect(reader.lost()).toEqual({ "datagrams lost on the way": 2 });
  expect(reader.counts()).toEqual({ "datagrams that came late, left out": 1 });
  const bare = datagramReader("jaer", { geometry, sequenceNumbers: false });
  const into = new Packet(geometry);
  bare.decode(new Uint8Array(16), into);
  expect(into.count).toBe(2);
});

test("32-bit times go on over their end", () => {
  const word = (timeUs: number) => {
    const datagram = new Uint8Array(8);
    new DataView(datagram.buffer).setUint32(0, timeUs, true);
    return datagram;
  };
  const { events } = decode("faery-t32", ...[0xffff_fff0, 0x10, 0xffff_ffff, 0x20].map(word));
  expect(events.map(([timeUs]) => timeUs - 2 ** 32)).toEqual([-16, 16, -1, 32]);
});
