/** Recorded telemetry from a file, CSV or JSON lines, as samples on packet time. */

import { stat } from "node:fs/promises";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { channels } from "../src/events/geometry.ts";
import { Samples } from "../src/events/samples.ts";
import { nextGridUs } from "../src/events/time.ts";
import { SeriesDecoder, type SeriesRow, seriesBounds, timeUnits } from "../src/formats/series.ts";
import { type DriverContext, defineSensor, type Sensor } from "../src/stage.ts";
import { type ReadPieces, readFilePieces } from "./recording.ts";

const column = z.string().min(1).max(256);

const options = z.strictObject({
  file: z.string().min(1).describe("the recording; a relative path starts at the document"),
  time: column
    .optional()
    .describe("column of the time; by default the first called timestamp, time, datetime, date, ts or t"),
  timeUnit: z
    .enum(timeUnits)
    .optional()
    .describe("of times that are numbers; by default found by their size: below 1e11 they are seconds"),
  columns: z
    .array(column)
    .min(1)
    .max(seriesBounds.channelsMax)
    .optional()
    .describe("columns of the values, a channel each; all but the time by default. In JSON, a.b is b in a"),
  packetUs: z
    .number()
    .min(1000)
    .max(1e15)
    .default(1_000_000)
    .describe("grid of packet ends, microseconds: how often time is told between rows; changes no sample"),
});

type Options = z.output<typeof options>;

/** Most rows of a packet, but for those of its last time. */
const packetRowsMax = 4096;

/** The driver with its way to files, so that a test can do without any. */
export async function openSeries(
  given: Options,
  { resolvePath, signal }: DriverContext,
  readPieces: ReadPieces = readFilePieces,
): Promise<Sensor<"samples">> {
  const where = resolvePath(given.file);
  const decoder = new SeriesDecoder(where, given);
  let bytes = 0;
  const counted = async function* () {
    for await (const piece of readPieces(where)) {
      bytes += piece.length;
      yield piece;
      if (signal.aborted) return;
    }
  };
  const rows = rowsOf(decoder, counted());
  const first = await rows.next();
  if (first.done) throw nothing(where);
  const geometry = channels(decoder.channels!);
  const { size } = await stat(where).catch(() => ({ size: Number.NaN }));
  const { tally } = decoder;
  const told = { longestGapUs: 0 };
  return {
    geometry,
    packets: packetsOf(first.value, rows, new Samples(geometry), given.packetUs, told),
    ...(size > 0 && { share: () => Math.min(1, bytes / size) }),
    counts: () => ({
      rows: tally.rows,
      "longest gap, ms": Math.round(told.longestGapUs / 1000),
      ...(tally.unknown > 0 && { "values that are no number": tally.unknown }),
    }),
    lost: () => ({
      ...(tally.broken > 0 && { "rows that can't be read": tally.broken }),
      ...(tally.back > 0 && { "rows that go back in time": tally.back }),
    }),
  };
}

export default defineSensor({
  name: "series",
  about: "Plays telemetry from a file of CSV or JSON lines, a row a sample.",
  gives: "samples",
  live: false,
  options,
  open: (given, context) => openSeries(given, context),
});

async function* rowsOf(
  decoder: SeriesDecoder,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<SeriesRow, void, undefined> {
  for await (const piece of pieces) yield* decoder.push(piece);
  yield* decoder.end();
}

/** Rows on the grid of packet time; the first row is at 0, and the last packet ends behind the last row. */
async function* packetsOf(
  first: SeriesRow,
  rows: AsyncIterable<SeriesRow>,
  out: Samples,
  packetUs: number,
  told: { longestGapUs: number },
): AsyncGenerator<Samples, void, undefined> {
  const originUs = first.timeUs;
  let lastUs = 0;
  out.begin(0, packetUs);
  const add = (timeUs: number, values: Float64Array) => {
    out.reserve(out.count + 1);
    out.times[out.count] = timeUs;
    for (const [channel, column] of out.columns.entries()) column[out.count] = values[channel]!;
    out.count += 1;
  };
  add(0, first.values);
  for await (const { timeUs, values } of rows) {
    const atUs = timeUs - originUs;
    while (atUs >= out.toUs || (out.count >= packetRowsMax && atUs > lastUs)) {
      // A full packet ends behind its last row.
      if (atUs < out.toUs) out.toUs = lastUs + 1;
      yield out;
      out.begin(out.toUs, nextGridUs(out.toUs, packetUs));
    }
    told.longestGapUs = Math.max(told.longestGapUs, atUs - lastUs);
    lastUs = atUs;
    add(atUs, values);
  }
  out.toUs = lastUs + 1;
  yield out;
}

function nothing(where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room: "series",
    what: "it holds no row that can be read",
    where,
    remedy: "Give CSV whose first line names the columns, or JSON lines.",
  });
}
