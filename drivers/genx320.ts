/** An OpenMV camera with a GENX320 event sensor (320x320) on USB; it runs `drivers/openmv/genx320_stream.py`. */

import { z } from "zod";
import { pixels } from "../src/events/geometry.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { stagedEvents } from "./live/feed.ts";
import { liveShape } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";
import { type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { lostFrames } from "./wire/datagrams.ts";
import { EventFrames } from "./wire/event-frame.ts";
import { textBytes } from "./wire/lines.ts";

const options = z.strictObject({
  port: z.string().min(1).describe("the camera's serial port over USB, for example /dev/ttyACM0 or COM3"),
  ...liveShape(["drop-oldest", "keep-latest"]),
});

type Options = z.output<typeof options>;

const side = 320;
/** USB has no baud rate, but 921600 would wake the camera's debugger for OpenMV's editor. */
const baudRate = 115_200;
const frameUsMax = 2_000_000;

/** Opens the port and waits for a first frame. Throws a device error when none comes. */
export async function openGenx320(
  given: Options,
  context: SensorContext,
  openPort: OpenTalkingPort = talkingPort(),
): Promise<Sensor> {
  const { id, clock, signal, dozeUs } = context;
  const geometry = pixels(side, side);
  const stream = new LiveStream({ geometry, clock, signal, options: given, dozeUs });
  const staged = stagedEvents();
  const frames = new EventFrames(geometry);
  const link = await openLink<"frame">(
    {
      path: given.port,
      baudRate,
      context: {
        id,
        clock,
        signal,
        connection: (state, why) => stream.connection(state === "lost" ? "lost" : "back", why),
      },
      remedy: "Copy drivers/openmv/genx320_stream.py to the camera as main.py, and connect it again.",
      opened: () => frames.reset(),
      parse(bytes) {
        const before = frames.frames;
        staged.count = 0;
        frames.decode(bytes, staged);
        if (frames.frames === before) return [];
        stream.heard();
        stream.offer(staged);
        return ["frame"];
      },
      // The script reads nothing: whatever is said only gives the time to wait for a frame.
      probe: async ({ ask }) => (await ask(textBytes("\n"), () => true, frameUsMax)) !== undefined,
    },
    openPort,
  );
  signal.addEventListener("abort", () => void link.leave(), { once: true });
  if (signal.aborted) await link.leave();
  // What came before the first whole frame was of one that had begun when the port was opened.
  const begun = frames.bytesSkipped;
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => ({ ...stream.counts(), frames: frames.frames }),
    lost: () => {
      const { "bytes that are no frame": bytes = 0, ...others } = lostFrames(frames);
      return {
        ...stream.lost(),
        ...others,
        ...(bytes > begun && { "bytes that are no frame": bytes - begun }),
      };
    },
  };
}

export default defineSensor({
  name: "genx320",
  about: "An OpenMV camera with a GENX320 event sensor, over USB.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openGenx320(options, context),
});
