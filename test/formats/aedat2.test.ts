/** AEDAT 2: headers of all ages, three chips, what lies between the events, and time that runs over. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReflexarcError } from "../../src/errors.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { aedat2 } from "../../src/formats/aedat2.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { join } from "../support/aedat4-file.ts";
import { mutate, survive } from "../support/mutate.ts";
import { eventsOf, packetOf } from "../support/packets.ts";
import { decodeAll, lengthsOf, randomPackets, steadyPackets } from "../support/recordings.ts";

const chips = [
  ["DVS128", pixels(128, 128)],
  ["DAVIS240", pixels(240, 180)],
  ["DAVIS346", pixels(346, 260)],
  ["DAVIS640", pixels(640, 480)],
] as const;

/** A file by hand: a header's lines and words of address and time. */
function file(
  lines: readonly string[],
  words: readonly (readonly [address: number, timeUs: number])[],
  end = "\r\n",
) {
  const view = new DataView(new ArrayBuffer(words.length * 8));
  words.forEach(([address, timeUs], i) => {
    view.setUint32(i * 8, address);
    view.setInt32(i * 8 + 4, timeUs);
  });
  return join([
    new TextEncoder().encode(lines.map((line) => line + end).join("")),
    new Uint8Array(view.buffer),
  ]);
}

const version = "#!AER-DAT2.0";
const davis240 = "# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C";
const last = "#End Of ASCII Header";

// Just before time runs over; a first event at 2^31 us or later is one that the format can't hold.
const beforeWrapUs = 2 ** 31 - 100_001;

describe.each(chips)("%s", (chip, geometry) => {
  test("a first event that 32 bits can't hold is left out and counted", () => {
    const encoder = aedat2.encoder!(geometry, { chip });
    encoder.start();
    const bytes = encoder.push(packetOf(geometry, [[2 ** 31, 0]]));
    expect(bytes.length).toBe(0);
    expect(encoder.leftOut).toMatchObject([{ count: 1 }]);
  });

  test("what is written is read, for any cut of the bytes", () => {
    fc.assert(
      fc.property(randomPackets(geometry, beforeWrapUs), lengthsOf, (packets, lengths) => {
        const bytes = encodeFile(aedat2.encoder!(geometry, { chip }), packets);
        const { events, decoder } = decodeAll(aedat2, bytes, {}, lengths);
        expect(events).toEqual(packets.flatMap(eventsOf));
        expect(decoder.problems).toEqual([]);
        expect(decoder.geometry).toEqual(geometry);
      }),
      { numRuns: 60 },
    );
  });

  test("cut at any byte: a prefix of the events; only a cut between two events can't be seen", () => {
    const packets = steadyPackets(geometry, 150, 5);
    const whole = packets.flatMap(eventsOf);
    const bytes = encodeFile(aedat2.encoder!(geometry, { chip }), packets);
    const header = bytes.length - 150 * 8;
    for (let end = 0; end < bytes.length; end++) {
      const { events, cut } = decodeAll(aedat2, bytes.subarray(0, end));
      expect(events).toEqual(whole.slice(0, Math.max(0, Math.floor((end - header) / 8))));
      if (end > header) expect(cut, `cut at ${end}`).toBe((end - header) % 8 !== 0);
    }
  });
});

test("a DAVIS: both axes are turned over; frames, IMU samples and triggers are counted in words", () => {
  const bytes = file(
    [version, davis240, last],
    [
      [(36 << 22) | (156 << 12), 100],
      [0x80000000 | (3 << 12) | 5, 101],
      [0x80000c00, 102],
      [0x80000400 | 77, 103],
      [0x400, 104],
      [(128 << 22) | (205 << 12) | 0x800, 105],
    ],
  );
  const { events, decoder } = decodeAll(aedat2, bytes);
  expect(events).toEqual([
    [100, pixelAddress(83, 143, 0)],
    [105, pixelAddress(34, 51, 1)],
  ]);
  expect(decoder.streams).toEqual([
    { id: 0, type: "events", count: 2 },
    { id: 1, type: "frames", count: 2 },
    { id: 2, type: "imu", count: 1 },
    { id: 3, type: "triggers", count: 1 },
  ]);
});

test("a DVS128: the bytes that others test with", () => {
  // aedat-file-reader-rs: x 13 and y 72 there count from 1; a polarity bit of 1 is ON here as there.
  const word = Uint8Array.from([0x00, 0x00, 0x38, 0xe7, 0x9c, 0x56, 0xe8, 0xcd]);
  const bytes = join([file([version, "# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128", last], []), word]);
  expect(decodeAll(aedat2, bytes).events).toEqual([[-1672025907, pixelAddress(12, 71, 1)]]);
});

test("headers: no end line, LF alone, an address that begins with the byte of #, 300 kB", () => {
  const words = [[(0x8c << 22) | (0xf << 12), 1] as const, [0x00101000, 2] as const];
  expect(words[0]![0] >>> 24).toBe(0x23);
  const chosen = { geometry: pixels(346, 300) };
  const expected = decodeAll(aedat2, file([version, davis240, last], words), chosen).events;
  expect(expected).toHaveLength(2);
  const long = Array.from({ length: 3500 }, (_, i) => `#   <entry key="${i}" value="${"v".repeat(70)}"/>`);
  for (const bytes of [
    file([version, davis240], words),
    file([version, davis240], words, "\n"),
    file([version, ...long, davis240, last], words),
  ])
    for (const lengths of [[65536], [1], [13]]) {
      const { events, decoder } = decodeAll(aedat2, bytes, chosen, lengths);
      expect(events).toEqual(expected);
      expect(decoder.problems).toEqual([]);
    }
});

test("no chip in the header: the first word tells the layout, and it is said; the options win", () => {
  const bytes = file([version], [[(30 << 22) | (169 << 12), 50]]);
  const guessed = decodeAll(aedat2, bytes, {}, [5]);
  expect(guessed.decoder.geometry).toEqual(pixels(240, 180));
  expect(guessed.events).toEqual([[50, pixelAddress(70, 149, 0)]]);
  expect(guessed.decoder.problems).toMatchObject([{ firstByte: 14, count: 1, fatal: false, lost: false }]);
  expect(decodeAll(aedat2, file([version], [[0x0102, 5]])).decoder.geometry).toEqual(pixels(128, 128));
  const chosen = decodeAll(aedat2, bytes, { chip: "DAVIS346" });
  expect(chosen.events).toEqual([[50, pixelAddress(176, 229, 0)]]);
  expect(chosen.decoder.problems).toEqual([]);
  expect(() => aedat2.decoder({ chip: "DAVIS" })).toThrow(ReflexarcError);
});

test("a chip that nobody knows is refused, unless an option names one", () => {
  const bytes = file([version, "# AEChip: org.ine.telluride.jaer.chip.CochleaAMS1c", last], [[2, 3]]);
  expect(decodeAll(aedat2, bytes).decoder.problems).toMatchObject([{ fatal: true }]);
  expect(decodeAll(aedat2, bytes, { chip: "DVS128" }).events).toHaveLength(1);
});

test("time runs over 32 bits, and an event from just before that stays there", () => {
  const times = [2147483000, 2147483600, -2147483600, 2147483640, -2147483500, 0, 2147483000, -2147483000];
  const bytes = file(
    [version, davis240, last],
    times.map((timeUs) => [0x1000, timeUs] as const),
  );
  const turn = 2 ** 32;
  expect(decodeAll(aedat2, bytes).events.map(([timeUs]) => timeUs)).toEqual([
    2147483000,
    2147483600,
    turn - 2147483600,
    2147483640,
    turn - 2147483500,
    turn,
    turn + 2147483000,
    2 * turn - 2147483000,
  ]);
});

test("words that mean nothing and events outside are counted with their place", () => {
  const bytes = file(
    [version, davis240, last],
    [
      [(200 << 22) | 0x1000, 1],
      [0x1007, 2],
      [0x1000, 3],
    ],
  );
  const { events, decoder } = decodeAll(aedat2, bytes);
  expect(events.map(([timeUs]) => timeUs)).toEqual([3]);
  const header = bytes.length - 24;
  expect(decoder.problems).toMatchObject([
    { what: "event outside the sensor, left out", firstByte: header, count: 1, lost: true },
    { what: "word that is no address of the chip, left out", firstByte: header + 8, count: 1, lost: true },
  ]);
});

test("1,000 damaged files", async () => {
  const outcomes = new Set<string>();
  for (const [chip, geometry] of chips.slice(0, 2)) {
    const bytes = encodeFile(aedat2.encoder!(geometry, { chip }), steadyPackets(geometry, 2000, 1000));
    for (let i = 0; i < 500; i++) outcomes.add((await survive(aedat2, mutate(bytes, 2, i))).outcome);
  }
  expect(outcomes).toContain("refused");
  expect(outcomes).toContain("told");
});
