/** Hobby servos on an Arduino with StandardFirmata, over its serial port. */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { awaited } from "./serial/awaited.ts";
import { joined } from "./serial/bytes.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { pulseOptions, pulseScale } from "./servo/pulse.ts";
import {
  attachServo,
  detachServo,
  type FirmataMessage,
  FirmataReader,
  pulseRangeUs,
  servoPulse,
  versionQuery,
} from "./wire/firmata.ts";

const { min, max } = pulseRangeUs;
const why544 = `must lie between ${min} and ${max}: StandardFirmata takes less than ${min} us for degrees, and keeps its range in 8 bits, which wrap`;
const pulse = () => z.number().min(min, why544).max(max, why544);

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyACM0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z.int().min(300).max(12_000_000).default(57_600).describe("speed of the line, baud"),
  pin: z.int().min(0).max(127).describe("pin of the board that the servo's signal is on"),
  ...pulseOptions,
  minUs: pulse().default(min).describe("pulse width at angleMinDeg, 544 to 2400 microseconds"),
  maxUs: pulse().default(max).describe("pulse width at angleMaxDeg, 544 to 2400 microseconds"),
});

/** A board that restarts when the port opens has said its banner by now (1.6 to 2.1 s, measured on the real firmware). */
const bannerUsMax = 2_500_000;
const versionUsMax = 1_000_000;

const noFailsafe =
  "WARNING: StandardFirmata has no failsafe: when this program or its cable dies, the board goes on driving the servo at its last position, for ever. Have a switch in the servo's supply, or use a board whose firmware stops by itself.";

const restarted =
  "the board restarted by itself: probably a brown-out, the servo drew its supply down. Give the servos their own supply, with the grounds joined";

/** Opens the port and waits for the board. Throws a device error when it isn't there or speaks no Firmata. */
export async function openFirmataServo(
  { port, baudRate, pin }: z.output<typeof options>,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort(),
): Promise<Actuator> {
  const reader = new FirmataReader();
  const { clock, signal } = context;
  let banner = awaited();

  const answers = async ({ ask, first }: Asking<FirmataMessage>) => {
    const patienceUs = first ? bannerUsMax : 0;
    await Promise.race([banner.came, clock.until(clock.nowUs() + patienceUs, signal)]);
    if (banner.here) return true;
    // Asked too early, the question would end in the boot loader.
    return (await ask(versionQuery, ({ kind }) => kind === "version", versionUsMax)) !== undefined;
  };

  const link = await openLink<FirmataMessage>(
    {
      path: port,
      baudRate,
      context,
      parse: (bytes) => reader.push(bytes),
      opened() {
        banner = awaited();
      },
      heard(message, lose) {
        if (message.kind === "text") context.notice(`the board says: ${message.text}`);
        // Nobody asks for this report: the board says it when it starts.
        if (message.kind !== "firmware") return;
        banner.arrive();
        lose(restarted);
      },
      async probe(asking) {
        if (!(await answers(asking))) return false;
        await asking.say(detachServo(pin));
        return true;
      },
      remedy:
        "Upload the example StandardFirmata to the board (Arduino IDE: Examples, Firmata), and check the port and its baudRate.",
    },
    openPort,
  );
  if (link.first) context.notice(noFailsafe);
  return {
    write: (frame, command) => link.write(frame, command),
    stop: link.leave,
    counts: link.counts,
  };
}

export default defineActuator({
  name: "firmata-servo",
  about: "Drives a hobby servo on an Arduino that runs StandardFirmata.",
  units: ["deg", "pulseUs"],
  options,
  reach: (options, unit) => pulseScale(options).reachIn(unit),
  /**
   * `F4 pin 04` and the pulse width in microseconds: each frame makes the pin a servo, since a release makes it a plain
   * output (`F4 pin 01`), which ends the pulses. Side by side, so that the first pulse already has the right width.
   */
  encode(options) {
    const scale = pulseScale(options);
    const { pin } = options;
    return (command) =>
      command.action === "release"
        ? detachServo(pin)
        : joined(attachServo(pin), servoPulse(pin, Math.round(scale.pulseIn(command))));
  },
  open: (options, context) => openFirmataServo(options, context),
});
