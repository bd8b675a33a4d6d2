/** The eDVS stream: every format in any cut, replies between events, lost bytes, counters that run over. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EdvsDecoder, type EdvsTimes, edvsFormats } from "../../../drivers/wire/edvs.ts";
import { pixelAddress, pixels } from "../../../src/events/geometry.ts";
import { Packet } from "../../../src/events/packet.ts";
import { EdvsBoard, type EdvsFirmware } from "../../support/edvs-board.ts";
import { type Event, eventsOf } from "../../support/packets.ts";
import { pieces } from "../../support/recordings.ts";

const formats: readonly [EdvsFirmware, number, EdvsTimes][] = [
  ["new", 0, "none"],
  ["new", 1, "delta"],
  ["new", 2, 16],
  ["new", 3, 24],
  ["new", 4, 32],
  ["old", 1, 16],
  ["old", 2, 24],
  ["old", 3, 32],
];

const someEvents = fc
  .array(
    fc.record({
      stepUs: fc.oneof(fc.nat(200), fc.nat(60_000)),
      x: fc.nat(127),
      y: fc.nat(127),
      on: fc.nat(1),
    }),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((steps) => {
    let timeUs = 0;
    return steps.map(({ stepUs, x, y, on }): Event => {
      timeUs += stepUs;
      return [timeUs, pixelAddress(x, y, on)];
    });
  });

function decode(times: EdvsTimes, bytes: Uint8Array, lengths: readonly number[]) {
  const decoder = new EdvsDecoder(times);
  const into = new Packet(pixels(128, 128));
  const replies: string[] = [];
  for (const piece of pieces(bytes, lengths)) replies.push(...decoder.push(piece, into));
  return { events: eventsOf(into), replies, skipped: decoder.skipped };
}

function boardOf(firmware: EdvsFirmware, format: number): EdvsBoard {
  const board = new EdvsBoard(() => {});
  board.firmware = firmware;
  board.format = format;
  return board;
}

test("the bytes of the guide: E0 of x 5, y 9, OFF; E1 with 5 and with 300 us; E2", () => {
  const of = (times: EdvsTimes, hex: string) =>
    decode(times, Uint8Array.from(Buffer.from(hex, "hex")), [1]).events;
  expect(of("none", "8985")).toEqual([[0, pixelAddress(5, 9, 0)]]);
  expect(of("delta", "890585" + "890502ac")).toEqual([
    [5, pixelAddress(5, 9, 1)],
    [305, pixelAddress(5, 9, 1)],
  ]);
  expect(of(16, "89050102")).toEqual([[258, pixelAddress(5, 9, 1)]]);
});

describe.each(formats)("%s firmware, E%i", (firmware, format, times) => {
  test("gives the same events in any cut, with replies and a banner between them", () => {
    fc.assert(
      fc.property(
        someEvents,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.nat(),
        (events, lengths, at) => {
          const board = boardOf(firmware, format);
          const parts = events.map((event) => board.encode(event));
          parts.splice(at % (parts.length + 1), 0, [...new TextEncoder().encode("-S0 1234\n")]);
          const got = decode(times, Uint8Array.from(parts.flat()), lengths);
          expect(got.events).toEqual(
            events.map(([timeUs, address]) => [times === "none" ? 0 : timeUs, address]),
          );
          expect(got).toMatchObject({ replies: ["-S0 1234"], skipped: 0 });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("finds its way back after lost bytes, and counts what it skipped", () => {
    const board = boardOf(firmware, format);
    const events = Array.from({ length: 400 }, (_, i): Event => [i * 11, pixelAddress(i % 127, 3, 1)]);
    const bytes = Uint8Array.from(events.flatMap((event) => board.encode(event)));
    // Without its first byte, and with 40 zeros behind which it is in step again.
    const cut = Uint8Array.from([...bytes.subarray(1), ...new Uint8Array(40), ...board.encode([5000, 2])]);
    const got = decode(times, cut, [7]);
    expect(got.events.at(-1)![1]).toBe(2);
    expect(got.skipped).toBeGreaterThan(0);
    expect(got.events.length).toBeGreaterThan(350);
  });
});

test("a counter that ran over in a silence is put where it must be", () => {
  const decoder = new EdvsDecoder(16);
  const into = new Packet(pixels(128, 128));
  const board = boardOf("new", 2);
  decoder.push(Uint8Array.from(board.encode([1000, 0])), into);
  decoder.push(Uint8Array.from(board.encode([1000 + 300_000, 2])), into, 300_100);
  decoder.push(Uint8Array.from(board.encode([1000 + 300_020, 4])), into, 10);
  expect(eventsOf(into).map(([timeUs]) => timeUs)).toEqual([1000, 301_000, 301_020]);
});

test("any bytes at all are events, replies or skipped, and text has a bound", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(...formats), (bytes, [, , times]) => {
      const { events, replies } = decode(times, bytes, [64]);
      for (const [timeUs, address] of events)
        expect(Number.isSafeInteger(timeUs) && address >>> 16 < 128 && (address & 0xffff) < 256).toBe(true);
      for (const reply of replies) expect(reply.length).toBeLessThanOrEqual(256);
    }),
  );
});

test("the formats are read from the board's own help", () => {
  const lines: string[] = [];
  let text = "";
  const board = new EdvsBoard((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  board.firmware = "old";
  board.receive(new TextEncoder().encode("??E\n"));
  lines.push(...text.split("\n"));
  expect([...edvsFormats(lines)]).toEqual([
    [0, "none"],
    [1, 16],
    [2, 24],
    [3, 32],
  ]);
  expect(
    edvsFormats([
      " !E6 - 21 bytes per event (as !E5 followed by timestamp)",
      "!E5 - 10 bytes per event ASCII",
    ]).size,
  ).toBe(0);
});
