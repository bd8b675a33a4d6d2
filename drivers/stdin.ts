/** Events that another program pipes in: CSV, any recording format, or Reflexarc's own frames. */

import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { pixels } from "../src/events/geometry.ts";
import { formatNamed, recogniseFormat } from "../src/formats/index.ts";
import { packetDefaults, readPackets } from "../src/formats/packets.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { feedAll, liveDecoder, streamFormats } from "./live/feed.ts";
import { geometryOption, liveShape, sizeFrom } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";

const shape = liveShape(["block", "drop-oldest", "keep-latest"]);

const options = z.strictObject({
  ...shape,
  format: z
    .enum(streamFormats)
    .optional()
    .describe(
      "what the bytes are: csv, another recording format, or frames; told by the first bytes by default",
    ),
  geometry: geometryOption
    .optional()
    .describe("the sensor's size, such as 346x260, where the bytes don't tell it"),
  times: z
    .enum(["recorded", "device", "arrival"])
    .default("recorded")
    .describe(
      "recorded: a recording in a pipe, played by its own times; device and arrival: a live source, see udp",
    ),
});

type Options = z.output<typeof options>;

const where = "standard input";

/** Reads to the end of the input. Throws a ReflexarcError when its format or its sensor's size can't be told. */
export async function openStdin(
  given: Options,
  context: SensorContext,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Promise<Sensor> {
  const { format, times } = given;
  const geometry = given.geometry === undefined ? undefined : sizeFrom(given.geometry);
  if (times !== "recorded") return live({ ...given, times }, context, input);
  if (format === "frames")
    throw new ReflexarcError({
      kind: "usage",
      room: context.id,
      what: "frames are of a live source",
      remedy: "Say times: device.",
    });
  const found = await recogniseFormat(input, where, format);
  const decoder = found.format.decoder(geometry ? { geometry } : {});
  const reader = await readPackets(found.pieces, found.format, decoder, where, packetDefaults);
  context.signal.addEventListener("abort", () => void reader.close(), { once: true });
  return {
    geometry: reader.geometry,
    packets: reader.packets,
    live: false,
    lost: () => ({
      ...Object.fromEntries(
        reader.problems.filter(({ lost }) => lost).map(({ what, count }) => [what, count]),
      ),
      ...repaired(reader.repairs),
    }),
    problems: () =>
      reader.problems.map(({ what, firstByte, count }) => `${what}: ${count}, first at byte ${firstByte}`),
  };
}

export default defineSensor({
  name: "stdin",
  about: "Takes camera events from standard input: CSV, any recording format, or Reflexarc's frames.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openStdin(options, context),
});

async function live(
  given: Options & { times: "device" | "arrival" },
  { id, clock, signal, dozeUs }: SensorContext,
  input: AsyncIterable<Uint8Array>,
): Promise<Sensor> {
  const geometry = given.geometry === undefined ? undefined : sizeFrom(given.geometry);
  const found =
    given.format === "frames"
      ? { name: "frames", pieces: input }
      : await recogniseFormat(input, where, given.format && formatNamed(given.format)!.name).then(
          ({ format, pieces }) => ({ name: format.name, pieces }),
        );
  const stream = new LiveStream({
    geometry: geometry ?? pixels(1, 1),
    clock,
    signal,
    options: given,
    dozeUs,
  });
  const iterator = found.pieces[Symbol.asyncIterator]();
  signal.addEventListener("abort", () => void iterator.return?.(), { once: true });
  let known = () => {};
  const sized = new Promise<void>((resolve) => {
    known = resolve;
  });
  const decoder = liveDecoder(found.name, geometry ? { geometry } : {}, (size) => {
    stream.geometry = size;
    known();
  });
  if (geometry) known();
  feedAll({ [Symbol.asyncIterator]: () => iterator }, decoder, stream, { room: id, where })
    .then(
      () => stream.end(),
      (cause) => stream.end(cause),
    )
    .finally(known);
  await sized;
  const size = geometry ?? decoder.geometry;
  if (!size)
    throw new ReflexarcError({
      kind: "usage",
      room: id,
      what: "the input doesn't tell the size of its sensor",
      remedy: 'Give it, for example "geometry: 346x260".',
    });
  return {
    geometry: size,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => stream.counts(),
    lost: () => ({ ...stream.lost(), ...decoder.lost() }),
  };
}

function repaired(repairs: {
  steppedBack: number;
  jumpedAhead: number;
  tooManyAtOnce: number;
}): Record<string, number> {
  const named = {
    "event with a time before the last one, moved to it": repairs.steppedBack,
    "event with a time far ahead, left out": repairs.jumpedAhead,
    "event too many of one time, left out": repairs.tooManyAtOnce,
  };
  return Object.fromEntries(Object.entries(named).filter(([, count]) => count > 0));
}
