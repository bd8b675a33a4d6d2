/** Hobby servos on a Pololu Maestro, over its USB or serial port. */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { tellFault } from "./servo/health.ts";
import { pulseOptions, pulseScale } from "./servo/pulse.ts";
import { word } from "./wire/words.ts";

const pulse = () =>
  z.number().min(64).max(4095, "a Maestro takes 14 bits of quarter microseconds: at most 4095");

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe(
      "the serial port (the command port): /dev/ttyACM0, COM3, or id: and its id as `reflexarc devices` shows it",
    ),
  baudRate: z
    .int()
    .min(300)
    .max(250_000)
    .default(115_200)
    .describe("speed of the line, baud; any will do over USB"),
  channel: z.int().min(0).max(23).default(0).describe("channel of the controller that the servo is on"),
  protocol: z
    .enum(["compact", "pololu", "mini-ssc"])
    .default("compact")
    .describe(
      "compact: one controller; pololu: several on a line, by number; mini-ssc: 8 bits, as older controllers",
    ),
  device: z.int().min(0).max(127).default(12).describe("number of the controller on its line"),
  crc: z.boolean().default(false).describe("whether the controller's setting Enable CRC is on"),
  neutralUs: z
    .number()
    .min(64)
    .max(4095)
    .default(1500)
    .describe("mini-ssc: the channel's 8-bit neutral, microseconds"),
  rangeUs: z
    .number()
    .min(1)
    .max(4095)
    .default(476.25)
    .describe("mini-ssc: the channel's 8-bit range to either side, microseconds"),
  pollMs: z
    .int()
    .min(10)
    .max(10_000)
    .default(50)
    .describe("pause between two questions to the controller for its state, milliseconds"),
  ...pulseOptions,
  minUs: pulse().default(500).describe("pulse width at angleMinDeg, 64 to 4095 microseconds"),
  maxUs: pulse().default(2500).describe("pulse width at angleMaxDeg, 64 to 4095 microseconds"),
});

type Options = z.output<typeof options>;

/** Commands (Maestro manual, 5.e): their number in the Pololu protocol; the compact one has bit 7 set. */
const commands = { setTarget: 0x04, getPosition: 0x10, getErrors: 0x21 } as const;

/** Bits of the error word, from bit 0 (Maestro manual, 4.e). */
const errors = [
  "serial signal error",
  "serial overrun",
  "serial buffer full",
  "CRC wrong",
  "serial protocol error",
  "serial timeout: it heard nothing for too long and went home",
  "script stack error",
  "script call stack error",
  "script counter error",
];

/** CRC-7, polynomial 0x91 with the lowest bit first, over all bytes (Maestro manual, 5.d). */
export function crc7(bytes: ArrayLike<number>): number {
  let crc = 0;
  for (let i = 0; i < bytes.length; i++) {
    crc ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc ^ 0x91) >> 1 : crc >> 1;
  }
  return crc;
}

/** A command in the compact protocol, or in Pololu's with `AA` and the device's number before it. */
function framed(
  { device, crc }: Options,
  protocol: "compact" | "pololu",
  command: number,
  data: readonly number[] = [],
): Uint8Array {
  const bytes = protocol === "pololu" ? [0xaa, device, command, ...data] : [command | 0x80, ...data];
  return Uint8Array.from(crc ? [...bytes, crc7(bytes)] : bytes);
}

/** `84 ch L H`: the target in quarter microseconds, twice seven bits; 0 ends the pulses. */
function setTarget(options: Options, quarters: number): Uint8Array {
  // The controller hears all three protocols at once, and mini-ssc has no word for the end of the pulses.
  const protocol = options.protocol === "mini-ssc" ? "compact" : options.protocol;
  return framed(options, protocol, commands.setTarget, [options.channel, quarters & 0x7f, quarters >> 7]);
}

/** `FF ch value`: 127 is neutral, 0 and 254 are its range to either side; it never has a CRC. */
function miniSsc({ channel, neutralUs, rangeUs }: Options, pulseUs: number): Uint8Array {
  const value = Math.round(127 + ((pulseUs - neutralUs) / rangeUs) * 127);
  return Uint8Array.of(0xff, channel, Math.min(Math.max(value, 0), 254));
}

/** Of the questions, one in so many asks for errors. */
const errorsEvery = 4;
const replyUsMax = 30_000;

/** Opens the port and looks for the controller. Throws a device error when it does not answer. */
export async function openPololuMaestro(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort(),
): Promise<Actuator> {
  const scale = pulseScale(options);
  const state: Record<string, number> = {};
  let pending: number[] = [];
  let polls = 0;
  let troubled = false;

  const askWord = async ({ ask }: Asking<Uint8Array>, frame: Uint8Array) => {
    const reply = await ask(frame, () => true, replyUsMax);
    return reply && word(reply, 0);
  };
  /** Asks in Pololu's protocol, whose AA also tells the controller the baud rate; the errors are cleared by it. */
  const askErrors = (asking: Asking<Uint8Array>) =>
    askWord(asking, framed(options, "pololu", commands.getErrors));

  const takeErrors = (bits: number) => {
    const names = errors.filter((_, bit) => (bits >> bit) & 1);
    if (names.length > 0 && !troubled) tellFault(context, `the Maestro reports: ${names.join(", ")}`);
    troubled = names.length > 0;
  };
  const takePosition = (quarters: number) => {
    state.pulseUs = quarters / 4;
    // A position of 0 means no pulses.
    if (quarters > 0) state.angleDeg = scale.angleOf(state.pulseUs);
    else delete state.angleDeg;
  };

  const link = await openLink<Uint8Array>(
    {
      path: options.port,
      baudRate: options.baudRate,
      context,
      /** All answers are two bytes and say not whose they are: the line is kept free until they came. */
      parse(bytes) {
        pending.push(...bytes);
        const words = [];
        for (; pending.length >= 2; pending = pending.slice(2))
          words.push(Uint8Array.from(pending.slice(0, 2)));
        return words;
      },
      reset() {
        pending = [];
      },
      probe: async (asking) => (await askErrors(asking)) !== undefined,
      async poll(asking) {
        polls += 1;
        const asksErrors = polls % errorsEvery === 0;
        const position = framed(options, "pololu", commands.getPosition, [options.channel]);
        const answer = asksErrors ? await askErrors(asking) : await askWord(asking, position);
        if (answer === undefined) return false;
        if (asksErrors) takeErrors(answer);
        else takePosition(answer);
        return true;
      },
      pollUs: options.pollMs * 1000,
      remedy:
        "Check the port (the command port, not the TTL one), the number of the device, and its setting Enable CRC.",
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "Set the Maestro's serial timeout (Maestro Control Center, Serial Settings; 0.5 s) and On error: Off for its channels: without them it holds its last position when this program or its cable dies. Its channels cut off pulses outside 992 to 2000 us unless their Min and Max say otherwise",
    );
  return {
    write: (frame, command) => link.write(frame, command),
    readings: () => state,
    stop: link.leave,
    counts: link.counts,
  };
}

export default defineActuator({
  name: "pololu-maestro",
  about: "Drives a hobby servo on a Pololu Maestro, in any of its three protocols.",
  units: ["deg", "pulseUs"],
  options,
  reach(options, unit) {
    const scale = pulseScale(options);
    const whole = scale.reachIn(unit);
    if (options.protocol !== "mini-ssc" || !whole) return whole;
    // Its 8 bits end where the channel's own range does.
    const ends = [options.neutralUs - options.rangeUs, options.neutralUs + options.rangeUs].map((us) =>
      unit === "deg" ? scale.angleOf(us) : us,
    );
    const by = `${whole.by}, neutralUs and rangeUs`;
    return { min: Math.max(whole.min, Math.min(...ends)), max: Math.min(whole.max, Math.max(...ends)), by };
  },
  /** Set target, or mini-ssc's three bytes; a release is a target of 0, which ends the pulses. */
  encode(options) {
    const scale = pulseScale(options);
    return (command) => {
      if (command.action === "release") return setTarget(options, 0);
      const pulseUs = scale.pulseIn(command);
      return options.protocol === "mini-ssc"
        ? miniSsc(options, pulseUs)
        : setTarget(options, Math.round(pulseUs * 4));
    };
  },
  open: (options, context) => openPololuMaestro(options, context),
});
