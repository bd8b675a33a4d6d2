/** Damage from a seed: bit flips, cuts, splices and edits of length fields, as a bad disk or a bad mind makes them. */

import { ReflexarcError } from "../../src/errors.ts";
import type { Beside } from "../../src/events/beside.ts";
import type { Packet } from "../../src/events/packet.ts";
import type { DecodeOptions, Format } from "../../src/formats/format.ts";
import { inspectRecording } from "../../src/formats/inspect.ts";
import { packetDefaults, readPackets } from "../../src/formats/packets.ts";
import { seededRandom, seedFor } from "../../src/random.ts";
import { asyncPieces } from "./recordings.ts";

/** The damaged copy number `index` of a file. */
export function mutate(bytes: Uint8Array, seed: number, index: number): Uint8Array {
  const random = seededRandom(seedFor(seed, `mutation ${index}`));
  const below = (end: number) => Math.floor(random() * end);
  let out: Uint8Array = bytes.slice();
  for (let edits = 1 + below(3); edits > 0; edits--) out = edit(out, below);
  return out;
}

/** Values that length, count and offset fields are made to hold. */
const lengths = [
  0,
  1,
  2,
  7,
  8,
  0xff,
  0xffff,
  0x10000,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  0xfffffff8,
  1 << 24,
];

function edit(bytes: Uint8Array, below: (end: number) => number): Uint8Array {
  if (bytes.length < 8) return bytes;
  // Half of all edits go to the first bytes, where the headers are.
  const place = () => (below(2) === 0 ? below(bytes.length) : below(Math.min(bytes.length, 4096)));
  switch (below(5)) {
    case 0:
      for (let flips = 1 + below(8); flips > 0; flips--) bytes[place()]! ^= 1 << below(8);
      return bytes;
    case 1:
      return bytes.slice(0, place());
    case 2: {
      const from = place();
      const to = place();
      bytes.copyWithin(to, from, from + below(300));
      return bytes;
    }
    case 3: {
      // Takes bytes out, or repeats some: all that follows is at another place.
      const at = place();
      const size = below(64);
      const rest = bytes.subarray(below(2) === 0 ? at + size : Math.max(0, at - size));
      const out = new Uint8Array(at + rest.length);
      out.set(bytes.subarray(0, at));
      out.set(rest, at);
      return out;
    }
    default: {
      const at = Math.min(place() & ~(below(2) * 3), bytes.length - 4);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const value =
        below(3) === 0 ? view.getUint32(at, true) + below(9) - 4 : lengths[below(lengths.length)]!;
      view.setUint32(at, value, true);
      return bytes;
    }
  }
}

/** An hour of silence, which damage makes of a time, is 360,000 ticks of 10 ms: tested elsewhere, and here only slow. */
const coarse = { ...packetDefaults, packetUs: 1_000_000 };

export interface Verdict {
  /** Nothing was wrong, something was repaired or told, or the rest was refused. */
  readonly outcome: "clean" | "told" | "refused";
  readonly events: number;
  readonly packets: number;
}

/**
 * Reads a damaged file to its end by both ways that there are, and holds what comes out to the packet law. Throws an
 * Error with the broken law; damage itself is no error.
 */
export async function survive(
  format: Format,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Promise<Verdict> {
  const info = await inspectRecording("mutation", asyncPieces(bytes), format, format.decoder(options));
  const refused = info.problems.some(({ fatal }) => fatal);
  const seen = { events: 0, packets: 0, toUs: Number.NaN };
  let outcome: Verdict["outcome"] = info.problems.length > 0 ? "told" : "clean";
  try {
    // The second way reads what is beside the events, too.
    const reader = await readPackets(
      asyncPieces(bytes),
      format,
      format.decoder({ ...options, beside: holdRecord }),
      "mutation",
      coarse,
    );
    for await (const packet of reader.packets) hold(packet, seen);
    if (refused) throw new Error(`a refused file ended without an error: ${JSON.stringify(info.problems)}`);
  } catch (error) {
    if (!(error instanceof ReflexarcError)) throw error;
    outcome = "refused";
  }
  if (seen.events > info.events) throw new Error(`${seen.events} events came out of ${info.events}`);
  return { outcome, events: seen.events, packets: seen.packets };
}

function holdRecord(record: Beside): void {
  if (!(Number.isSafeInteger(record.timeUs) && record.timeUs >= 0))
    throw new Error(`${record.type} of the time ${record.timeUs}`);
  if (record.type === "frames" && record.pixels.length !== record.width * record.height * record.channels)
    throw new Error(`a frame of ${record.pixels.length} bytes`);
}

function hold(packet: Packet, seen: { events: number; packets: number; toUs: number }): void {
  const { fromUs, toUs, count, times, addresses, geometry } = packet;
  if (seen.packets > 0 && fromUs !== seen.toUs) throw new Error(`a gap or overlap at ${fromUs}`);
  if (!(fromUs < toUs)) throw new Error(`an empty span at ${fromUs}`);
  let lastUs = fromUs;
  for (let i = 0; i < count; i++) {
    const timeUs = times[i]!;
    if (!(timeUs >= lastUs && timeUs < toUs)) throw new Error(`time ${timeUs} out of order or span`);
    const address = addresses[i]!;
    if (((address >>> 1) & 0x7fff) >= geometry.width || address >>> 16 >= geometry.height)
      throw new Error(`address ${address} outside the sensor`);
    lastUs = timeUs;
  }
  seen.events += count;
  seen.packets += 1;
  seen.toUs = toUs;
}
