/** Every kernel gives what its plain loop gives: events, streams and problems, on good, odd and damaged bytes. */

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type PixelGeometry, pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { Scratch } from "../../src/formats/byte-feed.ts";
import {
  Damage,
  type DecodeOptions,
  type EncodeOptions,
  encodeFile,
  type Format,
} from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { kernels, setKernels } from "../../src/formats/kernel.ts";
import { decodeLz4Block, encodeLz4Frame } from "../../src/formats/lz4.ts";
import { seededRandom } from "../../src/random.ts";
import { mutate } from "../support/mutate.ts";
import { eventsOf } from "../support/packets.ts";
import { rawFile, words } from "../support/raw.ts";
import { decodeAll, steadyPackets } from "../support/recordings.ts";

afterEach(() => setKernels("on"));

test("there are kernels here, so that this file compares them with something", () => {
  expect(kernels()).not.toBeNull();
});

/** All that a decoder says of some bytes, in one line. */
function told(format: Format, bytes: Uint8Array, options: DecodeOptions, which: "on" | "off"): string {
  setKernels(which);
  const { events, decoder } = decodeAll(format, bytes, options, [5000, 70_000]);
  let digest = 0;
  for (const [timeUs, address] of events) {
    digest = Math.imul(digest ^ (timeUs % 4294967296), 0x01000193);
    digest = Math.imul(digest ^ (timeUs / 4294967296), 0x01000193);
    digest = Math.imul(digest ^ address, 0x01000193);
  }
  const { geometry, streams } = decoder;
  // Problems that are seen in one batch are told in no certain order.
  const problems = decoder.problems.map((problem) => JSON.stringify(problem)).sort();
  return JSON.stringify({ count: events.length, digest, first: events[0], geometry, streams, problems });
}

function check(name: string, bytes: Uint8Array, options: DecodeOptions = {}): void {
  const format = formatNamed(name)!;
  const plain = told(format, bytes, options, "off");
  expect(told(format, bytes, options, "on")).toBe(plain);
}

interface Written {
  readonly name: string;
  readonly geometry: PixelGeometry;
  readonly encode?: EncodeOptions;
  readonly startUs?: number;
}

const written: readonly Written[] = [
  { name: "dat", geometry: pixels(346, 260), startUs: 2 ** 31 - 2000 },
  { name: "nmnist", geometry: pixels(34, 34), startUs: 2 ** 23 - 2000 },
  { name: "aedat2", geometry: pixels(346, 260), startUs: 2 ** 31 - 2000 },
  { name: "aedat2", geometry: pixels(128, 128) },
  { name: "evt2", geometry: pixels(640, 480), startUs: 2 ** 34 - 2000 },
  { name: "evt3", geometry: pixels(640, 480), startUs: 2 ** 24 - 2000 },
  { name: "aedat4", geometry: pixels(346, 260), encode: { compression: "none" } },
  { name: "aedat4", geometry: pixels(346, 260), encode: { compression: "lz4" }, startUs: 1.7e15 },
  { name: "aedat4", geometry: pixels(346, 260), encode: { compression: "zstd" } },
];

describe.each(written)(
  "$name $encode.compression $geometry.width",
  ({ name, geometry, encode = {}, startUs = 0 }) => {
    const file = encodeFile(
      formatNamed(name)!.encoder!(geometry, encode),
      steadyPackets(geometry, 20_000, startUs, 3000),
    );

    test("a whole file, and one whose sensor is smaller than its events", () => {
      check(name, file);
      check(name, file, { geometry: pixels(Math.floor(geometry.width / 2), geometry.height - 1) });
    });

    test("200 damaged files", () => {
      for (let index = 0; index < 200; index++) check(name, mutate(file, 11, index));
    });
  },
);

const headers = {
  dat: "% Data file\n% Version 2\n% Height 260\n% Width 346\n\x0c\x08",
  aedat2: "#!AER-DAT2.0\r\n# AEChip: DAVIS346\r\n#End Of ASCII Header\r\n",
  evt2: "% evt 2.0\n% geometry 640x480\n% end\n",
  evt3: "% evt 3.0\n% geometry 640x480\n% end\n",
  nmnist: "",
} as const;

test("random bytes, from nearly ordinary to wild", () => {
  const name = fc.constantFrom(...(Object.keys(headers) as (keyof typeof headers)[]));
  fc.assert(
    fc.property(name, fc.uint8Array({ maxLength: 4000 }), fc.nat(255), (name, bytes, mask) => {
      // A mask makes high bits rare, so that long runs are ordinary.
      check(
        name,
        rawFile(
          headers[name],
          bytes.map((byte, i) => (i % 7 === 0 ? byte : byte & mask)),
        ),
      );
    }),
    { numRuns: 300 },
  );
});

test("EVT3 words of every type in any order", () => {
  // Ten words of ordinary types for one of the others.
  const type = fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom(0, 2, 2, 3, 4, 4, 5, 6, 8) },
    { weight: 1, arbitrary: fc.nat(15) },
  );
  const bits = fc.oneof(fc.nat(0xfff), fc.nat(0x1ff));
  const word = fc.tuple(type, bits).map(([kind, rest]) => (kind << 12) | rest);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 2000 }), (list) => {
      check("evt3", rawFile(headers.evt3, words(2, [0x8001, ...list])));
    }),
    { numRuns: 300 },
  );
});

test("a DAVIS file with more frames, IMU samples and triggers than events", () => {
  const random = seededRandom(5);
  const view = new DataView(new ArrayBuffer(8 * 5000));
  for (let i = 0; i < 5000; i++) {
    const x = Math.floor(random() * 346);
    const y = Math.floor(random() * 260);
    const kind = Math.floor(random() * 8);
    const rest = [0x80000000, 0x80000400, 0x80000c00, 0x400][kind] ?? (kind === 7 ? 0x800 : 0);
    view.setUint32(8 * i, ((y << 22) | (x << 12) | rest) >>> 0);
    view.setInt32(8 * i + 4, i * 20);
  }
  check("aedat2", rawFile(headers.aedat2, new Uint8Array(view.buffer)));
});

describe("LZ4 blocks", () => {
  function unpack(block: Uint8Array, limit: number, which: "kernel" | "plain"): Uint8Array | string {
    const room = kernels()!.unpacked;
    if (which === "kernel") {
      room.moveIn({ moveOut: () => {} }, block, 0, block.length);
      room.reserve(limit);
      const end = room.unpackBlock(0, block.length, 0, limit, 0);
      return end < 0 ? "damaged" : room.bytes.slice(0, end);
    }
    const out = new Scratch();
    out.reserve(limit, 0);
    try {
      return out.bytes.slice(0, decodeLz4Block(block, 0, block.length, out.bytes, 0, limit, 0));
    } catch (error) {
      if (error instanceof Damage) return "damaged";
      throw error;
    }
  }

  /** Text that repeats itself at every distance from 1 to 40, and some that doesn't. */
  const plainText = fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 30 })), {
      minLength: 1,
      maxLength: 30,
    })
    .map((parts) =>
      Uint8Array.from(
        parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat()),
      ),
    );

  test("what was packed, and every damaged copy of it", () => {
    fc.assert(
      fc.property(plainText, fc.nat(), (text, seed) => {
        const frame = encodeLz4Frame(text);
        const size = new DataView(frame.buffer).getUint32(7, true);
        if (size >>> 31) return;
        const block = frame.slice(11, 11 + size);
        expect(unpack(block, text.length, "kernel")).toEqual(text);
        for (let k = 0; k < 20; k++) {
          const damaged = mutate(block, seed, k);
          const limit = k % 2 === 0 ? text.length : text.length + 100;
          expect(unpack(damaged, limit, "kernel")).toEqual(unpack(damaged, limit, "plain"));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
        expect(unpack(block, 1000, "kernel")).toEqual(unpack(block, 1000, "plain"));
      }),
      { numRuns: 1000 },
    );
  });
});

test("two recordings that are read in turns don't disturb each other", () => {
  const format = formatNamed("aedat4")!;
  const geometry = pixels(346, 260);
  const files = [0, 5_000_000].map((startUs) => {
    const encoder = format.encoder!(geometry, { compression: "lz4" });
    return encodeFile(encoder, steadyPackets(geometry, 120_000, startUs, 60_000));
  });
  const readers = files.map((bytes) => ({
    bytes,
    decoder: format.decoder({}),
    at: 0,
    events: [] as unknown[],
  }));
  const staged = new Packet(geometry, 1);
  for (let turns = 0; turns < 400; turns++)
    for (const reader of readers) {
      staged.count = 0;
      // Pieces of different sizes, so that the packets lie across each other.
      if (!reader.decoder.read(staged)) {
        reader.decoder.push(reader.bytes.slice(reader.at, reader.at + 50_000));
        reader.at += 50_000;
      }
      reader.events.push(...eventsOf(staged));
    }
  readers.forEach(({ bytes, events }) => {
    expect(events).toEqual(decodeAll(format, bytes).events);
    expect(events.length).toBe(120_000);
  });
});

test("without WebAssembly the plain loops run", async () => {
  const format = formatNamed("dat")!;
  const geometry = pixels(346, 260);
  const file = encodeFile(format.encoder!(geometry, {}), steadyPackets(geometry, 1000, 0));
  vi.stubGlobal("WebAssembly", undefined);
  vi.resetModules();
  try {
    const bare = await import("../../src/formats/kernel.ts");
    const { formatNamed: bareNamed } = await import("../../src/formats/index.ts");
    expect(bare.kernels()).toBeNull();
    const { events } = decodeAll(bareNamed("dat")!, file);
    expect(events.length).toBe(1000);
    expect(events).toEqual(decodeAll(format, file).events);
  } finally {
    vi.unstubAllGlobals();
    vi.resetModules();
  }
});
