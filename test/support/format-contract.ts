/** What every recording format must keep, whatever its bytes mean: one door for the tests of `formats/`. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type PixelGeometry, xOf, yOf } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { type DecodeOptions, type EncodeOptions, encodeFile, type Format } from "../../src/formats/format.ts";
import { mutate, survive } from "./mutate.ts";
import { eventsOf } from "./packets.ts";
import { decodeAll, lengthsOf, randomPackets, steadyPackets } from "./recordings.ts";

export interface FormatCase {
  readonly geometry: PixelGeometry;
  /** Time of the first event. */
  readonly startUs?: number;
  readonly decode?: DecodeOptions;
  readonly encode?: EncodeOptions;
  /** True where a file cut at `byte` can't be told from one that ends there. */
  readonly isBorder: (bytes: Uint8Array, byte: number) => boolean;
}

/** The laws of a reader: any cut of the bytes, any cut of the file, any damage. */
export function readerKeepsTheLaws(
  format: Format,
  bytes: Uint8Array,
  oneCase: Omit<FormatCase, "geometry">,
): void {
  const { decode = {}, isBorder } = oneCase;

  test("any pieces of the bytes give the same events", () => {
    const whole = decodeAll(format, bytes, decode);
    expect(whole.events.length).toBeGreaterThan(0);
    const check = (lengths: readonly number[]) => {
      const inPieces = decodeAll(format, bytes, decode, lengths);
      expect(inPieces.events).toEqual(whole.events);
      expect(inPieces.decoder.problems).toEqual(whole.decoder.problems);
      expect(inPieces.decoder.streams).toEqual(whole.decoder.streams);
    };
    check([1]);
    fc.assert(fc.property(lengthsOf, check), { numRuns: whole.events.length > 5000 ? 5 : 50 });
  });

  test("a file cut at any byte gives a prefix, and says so where it can be seen", () => {
    const whole = decodeAll(format, bytes, decode).events;
    const step = Math.max(1, Math.floor(bytes.length / Math.min(3000, 500_000 / whole.length)));
    for (let byte = 0; byte < bytes.length; byte += step) {
      const { events, cut } = decodeAll(format, bytes.subarray(0, byte), decode);
      const differs = events.findIndex(
        ([timeUs, address], i) => timeUs !== whole[i]?.[0] || address !== whole[i]?.[1],
      );
      if (differs >= 0) throw new Error(`cut at byte ${byte}: event ${differs} is another one`);
      if (!cut && !isBorder(bytes, byte)) throw new Error(`cut at byte ${byte} of ${bytes.length}: not told`);
    }
  });

  test("damaged copies end in events or in a clear problem", async () => {
    for (let index = 0; index < (bytes.length > 10_000 ? 100 : 1000); index++) {
      const damaged = mutate(bytes, 3, index);
      // As packets too for some: a wild time makes many thousand ticks.
      if (index < 20) await survive(format, damaged, decode);
      else staysInside(format, damaged, decode);
    }
  });
}

/** A decoder may tell anything of a damaged file, but hands out only what a packet may hold. */
function staysInside(format: Format, bytes: Uint8Array, options: DecodeOptions): void {
  const { events, decoder } = decodeAll(format, bytes, options);
  const { width, height } = decoder.geometry ?? { width: 0x8000, height: 0x10000 };
  for (const [timeUs, address] of events)
    if (!Number.isSafeInteger(timeUs) || xOf(address) >= width || yOf(address) >= height)
      throw new Error(`event ${timeUs} ${address} of ${width}x${height}`);
  if (decoder.geometry === undefined) throw new Error("the geometry was never told");
}

/** The laws of a format that is also written: what is written is read again, exactly. */
export function formatKeepsTheLaws(format: Format, oneCase: FormatCase): void {
  const { geometry, startUs = 0, decode = {}, encode = {} } = oneCase;
  const write = (packets: Iterable<Packet>) => {
    const encoder = format.encoder!(geometry, encode);
    return { bytes: encodeFile(encoder, packets), leftOut: encoder.leftOut };
  };

  test("what is written is read again", () => {
    fc.assert(
      fc.property(randomPackets(geometry, startUs), (packets) => {
        const { bytes, leftOut } = write(packets);
        const { events, decoder } = decodeAll(format, bytes, decode);
        expect(events).toEqual(packets.flatMap(eventsOf));
        expect(leftOut).toEqual([]);
        expect(decoder.problems.filter(({ fatal, lost }) => fatal || lost)).toEqual([]);
        expect(decoder.streams[0]).toEqual({ id: 0, type: "events", count: events.length });
      }),
    );
  });

  test("it is recognised by its bytes", () => {
    const { bytes } = write(steadyPackets(geometry, 500, startUs));
    expect(format.sniff(bytes, `x.${format.extensions[0]}`)).not.toBe("no");
    expect(format.sniff(new Uint8Array(0), "x")).toBe("no");
  });

  test("an event outside what the format can hold is counted", () => {
    const outside = { ...geometry, width: 0x8000, height: 0x10000 };
    const packets = steadyPackets(outside, 40_000, startUs);
    const encoder = format.encoder!(geometry, encode);
    const { events } = decodeAll(format, encodeFile(encoder, packets), decode);
    const lost = encoder.leftOut.reduce((sum, { count }) => sum + count, 0);
    expect(events.length + lost).toBe(40_000);
  });

  readerKeepsTheLaws(format, write(steadyPackets(geometry, 600, startUs)).bytes, oneCase);
}
