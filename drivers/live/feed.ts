/** From bytes to a live stream: any recording format, or our own frames, decoded as the bytes come. */

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
}

/** A decoder for one connection; `geometry` may be left out where the stream tells it. */
export function liveDecoder(format: string, options: DecodeOptions): LiveDecoder {
  if (format === "frames") return framesDecoder(options.geometry);
  const decoder = formatNamed(format)!.decoder(options);
  return {
    get geometry() {
      return decoder.geometry;
    },
    push: (bytes) => decoder.push(bytes),
    read: (into) => decoder.read(into),
    lost: () =>
      Object.fromEntries(
        decoder.problems.filter(({ lost, fatal }) => lost || fatal).map(({ what, count }) => [what, count]),
      ),
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
