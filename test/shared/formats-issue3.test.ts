/** Others' recordings and literal words: counts, ends and column digests, found by listing what is there. */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { pixels, polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import type { DecodeOptions } from "../../src/formats/format.ts";
import { formatNamed, sniffFormat } from "../../src/formats/index.ts";
import type { Event } from "../support/packets.ts";
import { decodeAll } from "../support/recordings.ts";

const folder = join(
  resolve(process.env.REFLEXARC_SHARED ?? join(process.cwd(), "..", "shared")),
  "recordings",
);

interface Expected {
  path: string;
  format: string;
  geometry: [number, number] | null;
  peer_asserted: Record<string, unknown> | null;
  decoded?: Record<string, unknown> & { events: number; first: number[]; last: number[] };
  extra?: { triggers?: number };
}

const all: Expected[] = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
const files = (Array.isArray(all) ? all : (Object.values(all).find(Array.isArray) as Expected[])).filter(
  ({ format, decoded }) => decoded && !/^AEDAT ?[24]/.test(format),
);

describe.each(files)("$path", ({ path, format, geometry, decoded, extra }) => {
  const bytes = new Uint8Array(readFileSync(join(folder, path)));
  const options: DecodeOptions = geometry ? { geometry: pixels(...geometry) } : {};
  const found = sniffFormat(bytes.subarray(0, 65536), path);

  test("is recognised, and gives its owner's numbers", () => {
    expect(found?.name.replace(/\d+$/, "")).toBe(
      format
        .toLowerCase()
        .replace(/[ (].*/, "")
        .replace(/[\d.]+$/, ""),
    );
    const { events, decoder, cut } = decodeAll(found!, bytes, options);
    expect(cut).toBe(false);
    expect(decoder.problems.filter(({ lost }) => lost)).toEqual([]);
    // Event Stream counts rows from the bottom; the digests are of what is stored.
    const storedY = (y: number) => (found!.name === "es" ? geometry![1] - 1 - y : y);
    const stored = ([t, a]: Event) => [t, xOf(a), storedY(yOf(a)), polarityOf(a)];
    const columns = columnsOf(events.map(stored));
    expect({
      events: events.length,
      first: stored(events[0]!),
      last: stored(events.at(-1)!),
      sha256_t_i64le: digest("sha256", columns.t),
      sha256_x_u16le: digest("sha256", columns.x),
      sha256_y_u16le: digest("sha256", columns.y),
      sha256_p_u8: digest("sha256", columns.p),
    }).toEqual({
      events: decoded!.events,
      first: decoded!.first,
      last: decoded!.last,
      sha256_t_i64le: decoded!.sha256_t_i64le,
      sha256_x_u16le: decoded!.sha256_x_u16le,
      sha256_y_u16le: decoded!.sha256_y_u16le,
      sha256_p_u8: decoded!.sha256_p_u8,
    });
    const triggers = decoder.streams.find(({ type }) => type === "triggers");
    expect(triggers?.count ?? 0).toBe(extra?.triggers ?? 0);
  });

  test("comes the same in pieces of any size", () => {
    const whole = decodeAll(found!, bytes, options).events;
    expect(decodeAll(found!, bytes, options, [1, 7, 4093, 65536, 3]).events).toEqual(whole);
  });
});

const faerys = files.filter(({ peer_asserted }) => typeof peer_asserted?.t === "string");

test.each(faerys)("$path gives faery's digests", ({ path, geometry, peer_asserted }) => {
  const bytes = new Uint8Array(readFileSync(join(folder, path)));
  const { events } = decodeAll(sniffFormat(bytes, path)!, bytes, { geometry: pixels(...geometry!) });
  const columns = columnsOf(events.map(([t, a]) => [t, xOf(a), yOf(a), polarityOf(a)]));
  expect({
    t: digest("sha3-224", columns.t),
    x: digest("sha3-224", columns.x),
    y: digest("sha3-224", columns.y),
    on: digest("sha3-224", columns.p),
  }).toEqual({
    t: peer_asserted!.t,
    x: peer_asserted!.x,
    y: peer_asserted!.y_flipped ?? peer_asserted!.y,
    on: peer_asserted!.on,
  });
});

interface Vector {
  name: string;
  words_u16_hex?: string[];
  words_u64_hex?: string[];
  words_legacy_u64_hex?: string[];
  expected?: number[][] | { count: number };
  expected_xypt?: number[][];
}

const vectors = ["evt21", "evt3"].flatMap((name) =>
  readdirSync(join(folder, name))
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) =>
      (JSON.parse(readFileSync(join(folder, name, file), "utf8")).vectors as Vector[]).flatMap((vector) => [
        { name, vector, words: vector.words_u16_hex, header: "% evt 3.0\n" },
        { name, vector, words: vector.words_u64_hex, header: "% evt 2.1\n% endianness little\n" },
        { name, vector, words: vector.words_legacy_u64_hex, header: "% evt 2.1\n" },
      ]),
    )
    .filter(({ words }) => words),
);

test.each(vectors)("$name: the words of $vector.name", ({ name, vector, words, header }) => {
  const data = words!.flatMap((word) => [...Buffer.from(word, "hex").reverse()]);
  const bytes = Uint8Array.from([...Buffer.from(`${header}% end\n`), ...data]);
  const expected = vector.expected ?? vector.expected_xypt!;
  for (const lengths of [[bytes.length], [1], [5, 3]]) {
    const { events } = decodeAll(formatNamed(name)!, bytes, { geometry: pixels(1280, 720) }, lengths);
    if ("count" in expected) expect(events).toHaveLength(expected.count);
    else expect(events.map(([t, a]) => [xOf(a), yOf(a), polarityOf(a), t])).toEqual(expected);
  }
});

test("all of it was seen", () => {
  expect(existsSync(folder)).toBe(true);
  expect(files.length).toBeGreaterThanOrEqual(8);
  expect(vectors.length).toBeGreaterThanOrEqual(17);
  expect(faerys.length).toBeGreaterThanOrEqual(2);
});

function columnsOf(rows: readonly (readonly number[])[]) {
  return {
    t: BigInt64Array.from(rows, (row) => BigInt(row[0]!)),
    x: Uint16Array.from(rows, (row) => row[1]!),
    y: Uint16Array.from(rows, (row) => row[2]!),
    p: Uint8Array.from(rows, (row) => row[3]!),
  };
}

function digest(name: string, column: NodeJS.ArrayBufferView): string {
  return createHash(name).update(column).digest("hex");
}
