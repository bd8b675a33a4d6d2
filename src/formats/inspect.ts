/** What a recording holds, in numbers: the events as the file has them, before any repair. */

import { pixels } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { type Decoder, type Format, readEventsMax, type StreamInfo } from "./format.ts";

/** What `info` tells of a file; times in microseconds, null when there is no event. */
export interface RecordingInfo {
  readonly file: string;
  readonly format: string;
  readonly geometry: { readonly width: number; readonly height: number } | null;
  readonly events: number;
  readonly on: number;
  readonly off: number;
  readonly firstUs: number | null;
  readonly lastUs: number | null;
  readonly durationUs: number;
  /** No event's time is before that of the one before it. */
  readonly monotone: boolean;
  readonly streams: readonly StreamInfo[];
  readonly problems: readonly RecordingProblem[];
}

export interface RecordingProblem {
  readonly what: string;
  /** Place in the file where it was seen first. */
  readonly firstByte: number;
  readonly count: number;
  /** Nothing could be read after it. */
  readonly fatal: boolean;
}

/** Reads a whole recording, piece by piece. A damaged file is no error here: its problems tell. */
export async function inspectRecording(
  file: string,
  pieces: AsyncIterable<Uint8Array>,
  format: Format,
  decoder: Decoder,
): Promise<RecordingInfo> {
  const staged = new Packet(pixels(1, 1), readEventsMax);
  const tally = { events: 0, on: 0, firstUs: Number.NaN, lastUs: Number.NaN, monotone: true };
  const readAll = () => {
    for (let more = true; more; ) {
      staged.count = 0;
      more = decoder.read(staged);
      add(tally, staged);
    }
  };
  for await (const piece of pieces) {
    decoder.push(piece);
    readAll();
    if (decoder.problems.some(({ fatal }) => fatal)) break;
  }
  decoder.end();
  readAll();
  const { geometry, problems, streams } = decoder;
  const { events, on, firstUs, lastUs, monotone } = tally;
  return {
    file,
    format: format.name,
    geometry: geometry ? { width: geometry.width, height: geometry.height } : null,
    events,
    on,
    off: events - on,
    firstUs: events > 0 ? firstUs : null,
    lastUs: events > 0 ? lastUs : null,
    durationUs: events > 0 ? lastUs - firstUs : 0,
    monotone,
    streams: streams.map(({ id, type, count }) => ({ id, type, count })),
    problems: problems.map(({ what, firstByte, count, fatal }) => ({ what, firstByte, count, fatal })),
  };
}

interface Tally {
  events: number;
  on: number;
  firstUs: number;
  lastUs: number;
  monotone: boolean;
}

function add(tally: Tally, { count, times, addresses }: Packet): void {
  if (count === 0) return;
  if (tally.events === 0) tally.firstUs = times[0]!;
  let lastUs = tally.events === 0 ? times[0]! : tally.lastUs;
  for (let i = 0; i < count; i++) {
    tally.on += addresses[i]! & 1;
    if (times[i]! < lastUs) tally.monotone = false;
    lastUs = times[i]!;
  }
  tally.lastUs = lastUs;
  tally.events += count;
}
