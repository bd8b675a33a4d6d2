/** From bytes to a live stream: any recording format, or our own frames, decoded as the bytes come. */

import { ReflexarcError } from "../../src/errors.ts";
import type { PixelGeometry } from "../../src/events/geometry.ts";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { type DecodeOptions, type Decoder, readEventsMax } from "../../src/formats/format.ts";
import { formatNamed, formats } from "../../src/formats/index.ts";
import type { Counts } from "../../src/stage.ts";
import { lostFrames } from "../wire/datagrams.ts";
import { EventFrames } from "../wire/event-frame.ts";
import type { LiveStream } from "./stream.ts";

/** Names for an option: our own frames, or a recording format that is streamed. */
export const streamFormats = ["frames", ...formats.map(({ name }) => name)] as [string, ...string[]];

/** Turns the bytes of one connection into events. */
export interface LiveDecoder extends Pick<Decoder, "geometry" | "push" | "read"> {
  lost(): Counts;
  /** Why nothing more can be read of this connection. */
  broken(): string | undefined;
}

/** A decoder for one connection; `geometry` may be left out where the stream tells it, and `tell` hears it then. */
export function liveDecoder(
  format: string,
  options: DecodeOptions,
  tell?: (geometry: PixelGeometry) => void,
): LiveDecoder {
  if (format === "frames") return framesDecoder(options.geometry);
  const decoder = formatNamed(format)!.decoder(options);
  let told = false;
  return {
    get geometry() {
      return decoder.geometry;
    },
    push: (bytes) => decoder.push(bytes),
    read(into) {
      const more = decoder.read(into);
      if (!told && decoder.geometry) {
        told = true;
        tell?.(decoder.geometry);
      }
      return more;
    },
    lost: () =>
      Object.fromEntries(
        decoder.problems.filter(({ lost, fatal }) => lost || fatal).map(({ what, count }) => [what, count]),
      ),
    broken: () => decoder.problems.find(({ fatal }) => fatal)?.what,
  };
}

/** A piece of bytes is decoded in slices, so that no slice holds more events than a stream has room for. */
const sliceBytes = 32_768;

function framesDecoder(geometry: PixelGeometry | undefined): LiveDecoder {
  const frames = new EventFrames(geometry ?? pixels(0x8000, 0x10000));
  let waiting = new Uint8Array(0);
  return {
    geometry: geometry ?? null,
    push(bytes) {
      waiting = bytes as Uint8Array<ArrayBuffer>;
    },
    read(into) {
      frames.decode(waiting.subarray(0, sliceBytes), into);
      waiting = waiting.subarray(sliceBytes);
      return waiting.length > 0;
    },
    lost: () => lostFrames(frames),
    broken: () => undefined,
  };
}

/** Events on their way from a decoder to a stream. */
export function stagedEvents(): Packet {
  return new Packet(pixels(1, 1), readEventsMax);
}

/** Decodes a piece and offers its events, each portion when the stream has room for it. */
export async function feed(
  bytes: Uint8Array,
  decoder: LiveDecoder,
  stream: LiveStream,
  staged: Packet,
): Promise<void> {
  decoder.push(bytes);
  stream.heard();
  for (let more = true; more; ) {
    await stream.room();
    staged.count = 0;
    more = decoder.read(staged);
    stream.offer(staged);
  }
}

/** Feeds all pieces of a connection. Throws a ReflexarcError when they can't be read, the connection's own error when it breaks. */
export async function feedAll(
  pieces: AsyncIterable<Uint8Array>,
  decoder: LiveDecoder,
  stream: LiveStream,
  { room, where }: { room: string; where: string },
): Promise<void> {
  const staged = stagedEvents();
  for await (const piece of pieces) {
    await feed(piece, decoder, stream, staged);
    const what = decoder.broken();
    if (what !== undefined)
      throw new ReflexarcError({
        kind: "input",
        room,
        what,
        where,
        remedy: "Check that the sender's format is the one given here.",
      });
  }
}

/** Adds up what several connections have lost. */
export class LostSoFar {
  readonly #past = new Map<string, number>();
  #decoder: LiveDecoder | undefined;

  /** A new connection begins, with a decoder of its own. */
  begin(decoder: LiveDecoder | undefined): void {
    for (const [what, count] of Object.entries(this.#decoder?.lost() ?? {}))
      this.#past.set(what, (this.#past.get(what) ?? 0) + count);
    this.#decoder = decoder;
  }

  counts(): Counts {
    const sum = new Map(this.#past);
    for (const [what, count] of Object.entries(this.#decoder?.lost() ?? {}))
      sum.set(what, (sum.get(what) ?? 0) + count);
    return Object.fromEntries(sum);
  }
}
