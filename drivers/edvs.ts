/** An eDVS event camera (128x128) on a serial line: found, set up, read in any of its formats, and taken up again. */

import { setMaxListeners } from "node:events";
import { z } from "zod";
import { pixels } from "../src/events/geometry.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { stagedEvents } from "./live/feed.ts";
import { liveShape } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";
import { type Asking, type Link, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { EdvsDecoder, type EdvsTimes, edvsFormats, edvsFormatsUsual, edvsSide } from "./wire/edvs.ts";
import { LineReader, textBytes } from "./wire/lines.ts";

const biasMax = 16_777_215;

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z
    .int()
    .min(300)
    .max(12_000_000)
    .default(4_000_000)
    .describe(
      "speed of the line, baud, with RTS/CTS: 4000000 or 12000000, as the board's serial number says",
    ),
  format: z
    .enum(["auto", "E0", "E1", "E2", "E3", "E4"])
    .default("auto")
    .describe(
      "how events come: auto takes the longest times that the board offers; E0 has none, E2 of 16 bits is the shortest",
    ),
  biases: z
    .union([z.enum(["board", "fast"]), z.array(z.int().min(0).max(biasMax)).length(12)])
    .default("board")
    .describe("board leaves them alone; fast is the DVS128's fast set; or twelve numbers for !B0 to !B11"),
  ...liveShape(["drop-oldest", "keep-latest"]),
});

type Options = z.output<typeof options>;

/** cas, injGnd, reqPd, puX, diffOff, req, refr, puY, diffOn, diff, foll, Pr: jAER's DVS128 Fast. */
const fastBiases = [
  1992, 1_108_364, 16_777_215, 8_159_221, 132, 309_590, 969, 16_777_215, 209_996, 13_125, 271, 217,
];

const drainUs = 50_000;
/** After `R` a board is away for about 400 ms. */
const restartUsMax = 1_500_000;
const helpUsMax = 300_000;
const answerUsMax = 200_000;

/**
 * Opens the port and sets the camera up as libcaer's `edvs.c` does, but asks the board which formats it has, since older
 * firmware calls others by the same names. Throws a device error when no eDVS answers.
 */
export async function openEdvs(
  given: Options,
  context: SensorContext,
  openPort: OpenTalkingPort = talkingPort({ rtscts: true }),
): Promise<Sensor> {
  const { id, clock, signal, notice, dozeUs } = context;
  const geometry = pixels(edvsSide, edvsSide);
  // Each question waits for its answer, its time or the run's end: setting up asks many.
  setMaxListeners(0, signal);
  const stream = new LiveStream({ geometry, clock, signal, options: given, dozeUs });
  const staged = stagedEvents();
  const lines = new LineReader();
  let times: EdvsTimes = "none";
  let decoder: EdvsDecoder | undefined;
  let skipped = 0;
  let heardUs = clock.nowUs();

  const talk = () => {
    skipped += decoder?.skipped ?? 0;
    decoder = undefined;
    lines.reset();
  };
  const link: Link<string> = await openLink<string>(
    {
      path: given.port,
      baudRate: given.baudRate,
      context: {
        id,
        clock,
        signal,
        connection(state, why) {
          stream.connection(state === "lost" ? "lost" : "back", why);
        },
      },
      remedy: "Check its cable and its baudRate: 4000000, or 12000000 for boards of the 126 series.",
      opened: talk,
      parse(bytes) {
        if (!decoder) return lines.push(bytes);
        const nowUs = clock.nowUs();
        const silentUs = nowUs - heardUs;
        heardUs = nowUs;
        staged.count = 0;
        const replies = decoder.push(bytes, staged, silentUs);
        stream.offer(staged, { arrivalUs: nowUs, untimed: times === "none" });
        return replies;
      },
      heard(reply, lose) {
        if (decoder && /eDVS/i.test(reply)) lose("the board restarted");
      },
      async probe(asking) {
        talk();
        const chosen = await setUp(asking, given, {
          wait: (us) => clock.until(clock.nowUs() + us, signal),
          notice,
          id,
        });
        if (!chosen) return false;
        times = chosen.times;
        heardUs = clock.nowUs();
        decoder = new EdvsDecoder(times);
        await asking.say(textBytes("E+\n"));
        return true;
      },
    },
    openPort,
  );
  const leave = async () => {
    // The line must not be flooded for whoever opens it next.
    await link.say(textBytes("E-\n"));
    await link.leave();
  };
  signal.addEventListener("abort", () => void leave(), { once: true });
  if (signal.aborted) await leave();
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => stream.counts(),
    lost: () => {
      const bytes = skipped + (decoder?.skipped ?? 0);
      return { ...stream.lost(), ...(bytes > 0 && { "bytes that are no event": bytes }) };
    },
  };
}

export default defineSensor({
  name: "edvs",
  about: "An eDVS event camera on a serial line.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openEdvs(options, context),
});

interface SettingUp {
  readonly id: string;
  readonly wait: (us: number) => Promise<void>;
  readonly notice: (text: string) => void;
}

/** Readies the board; answers the format that it will stream in, undefined when it says nothing that an eDVS says. */
async function setUp(
  { ask, say, first }: Asking<string>,
  { format, biases }: Options,
  { id, wait, notice }: SettingUp,
): Promise<{ times: EdvsTimes } | undefined> {
  await say(textBytes("E-\n"));
  await say(textBytes("\n"));
  await wait(drainUs);
  // A restart stops motors, too: not when another driver is on this line.
  const banner = first ? await ask(textBytes("R\n"), (line) => /eDVS/i.test(line), restartUsMax) : undefined;
  await say(textBytes("!U0\n"));
  const help: string[] = [];
  await ask(
    textBytes("??E\n"),
    (line) => {
      help.push(line);
      return /timestamp has/i.test(line);
    },
    helpUsMax,
  );
  const offered = edvsFormats(help);
  if (!banner && offered.size === 0) return undefined;
  const formats = offered.size > 0 ? offered : edvsFormatsUsual;
  const digit = format === "auto" ? longest(formats) : Number(format.slice(1));
  const times = formats.get(digit);
  if (times === undefined) {
    notice(
      `${id}: this board has no format ${format}: ${[...formats.keys()].map((one) => `E${one}`).join(", ")}`,
    );
    return undefined;
  }
  await say(textBytes(`!E${digit}\n`));
  if (biases !== "board") await setBiases(ask, say, biases === "fast" ? fastBiases : biases, { id, notice });
  return { times };
}

async function setBiases(
  ask: Asking<string>["ask"],
  say: Asking<string>["say"],
  values: readonly number[],
  { id, notice }: Pick<SettingUp, "id" | "notice">,
): Promise<void> {
  for (const [index, value] of values.entries()) await say(textBytes(`!B${index}=${value}\n`));
  await say(textBytes("!BF\n"));
  for (const [index, value] of values.entries()) {
    const reply = await ask(textBytes(`?B${index}\n`), (line) => line.startsWith(`-B${index}=`), answerUsMax);
    if (reply !== `-B${index}=${value}`)
      notice(`${id}: bias ${index} was not taken: asked for ${value}, the board says ${reply ?? "nothing"}`);
  }
}

/** The format with the most bits of absolute time. */
function longest(formats: ReadonlyMap<number, EdvsTimes>): number {
  const worth = (times: EdvsTimes) => (times === "none" ? 0 : times === "delta" ? 1 : times);
  return [...formats].reduce((best, one) => (worth(one[1]) > worth(best[1]) ? one : best))[0];
}
