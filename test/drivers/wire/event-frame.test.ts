/** Our own frames: any cut gives the same events, damage costs only what it hit, and what is missing is counted. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../../drivers/wire/crc32.ts";
import { EventFrames, EventFrameWriter } from "../../../drivers/wire/event-frame.ts";
import { pixelAddress, pixels } from "../../../src/events/geometry.ts";
import { Packet } from "../../../src/events/packet.ts";
import { type Event, eventsOf, packetOf } from "../../support/packets.ts";
import { pieces } from "../../support/recordings.ts";

const geometry = pixels(640, 480);

const somePackets = fc
  .array(
    fc.array(fc.record({ stepUs: fc.nat(1000), x: fc.nat(639), y: fc.nat(479), on: fc.nat(1) }), {
      maxLength: 40,
    }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((groups) => {
    let timeUs = 2 ** 40;
    return groups.map((group) =>
      packetOf(
        geometry,
        group.map(({ stepUs, x, y, on }): Event => {
          timeUs += stepUs;
          return [timeUs, pixelAddress(x, y, on)];
        }),
        timeUs,
        timeUs + 1_000_000,
      ),
    );
  });

const joined = (frames: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(frames));

function read(bytes: Uint8Array, lengths: readonly number[] = [65536]) {
  const frames = new EventFrames(geometry);
  const into = new Packet(geometry);
  for (const piece of pieces(bytes, lengths)) frames.decode(piece, into);
  return { frames, events: eventsOf(into) };
}

test("the checksum is that of zlib", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("what is written is read again, in any cut", () => {
  fc.assert(
    fc.property(
      somePackets,
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (packets, lengths) => {
        const writer = new EventFrameWriter(geometry, 7);
        const bytes = joined(packets.map((packet) => writer.frame(packet)));
        const { frames, events } = read(bytes, lengths);
        expect(events).toEqual(packets.flatMap(eventsOf));
        expect(frames).toMatchObject({
          framesLost: 0,
          eventsLost: 0,
          bytesSkipped: 0,
          frames: packets.length,
        });
      },
    ),
  );
});

test("garbage before, between and in frames costs the frames that it hit, counted", () => {
  fc.assert(
    fc.property(
      somePackets,
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(),
      fc.nat(254),
      (packets, garbage, where, flip) => {
        const writer = new EventFrameWriter(geometry, 7);
        const frames = packets.map((packet) => writer.frame(packet));
        const hit = where % frames.length;
        frames[hit]![where % frames[hit]!.length]! ^= flip + 1;
        const last = new EventFrameWriter(geometry, 7);
        for (const packet of packets) last.frame(packet);
        // Enough behind it that a lying length has its bytes, finds its checksum wrong, and is given up.
        const rest = [last.frame(packetOf(geometry, [[5, 2]])), new Uint8Array(65_507)];
        const got = read(joined([garbage, ...frames, ...rest]), [777]);
        const whole = packets.filter((_, i) => i !== hit).flatMap(eventsOf);
        expect(got.events).toEqual([...whole, [5, 2]]);
        const lostHead = hit === 0 ? 0 : packets[hit]!.count;
        expect(got.frames.eventsLost).toBe(lostHead);
        expect(got.frames.framesLost).toBe(hit === 0 ? 0 : 1);
      },
    ),
    { numRuns: 60 },
  );
});

describe("sequence numbers", () => {
  const frames = (count: number, session = 7) => {
    const writer = new EventFrameWriter(geometry, session);
    return Array.from({ length: count }, (_, i) =>
      writer.frame(
        packetOf(geometry, [
          [i, 2],
          [i, 4],
        ]),
      ),
    );
  };

  test("tell how many frames and events are missing", () => {
    const all = frames(10);
    const { frames: seen } = read(joined([...all.slice(0, 3), ...all.slice(5, 8), all[9]!]));
    expect(seen).toMatchObject({ framesLost: 3, eventsLost: 6, frames: 7 });
  });

  test("leave out what comes again or too late, and take a restarted sender for a new one", () => {
    const all = frames(3);
    const { frames: seen, events } = read(joined([all[0]!, all[0]!, all[2]!, all[1]!, ...frames(2, 8)]));
    expect(seen).toMatchObject({ framesLost: 1, eventsLost: 2, framesLate: 2, frames: 4 });
    expect(events).toHaveLength(8);
  });

  test("events outside the sensor are dropped and counted", () => {
    const wide = new EventFrameWriter(pixels(1000, 1000), 1);
    const bytes = wide.frame(
      packetOf(pixels(1000, 1000), [
        [1, pixelAddress(700, 3, 1)],
        [2, pixelAddress(3, 3, 1)],
      ]),
    );
    expect(read(bytes)).toMatchObject({ events: [[2, pixelAddress(3, 3, 1)]], frames: { eventsOutside: 1 } });
  });
});
