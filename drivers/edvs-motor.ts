/** The motor outputs of an eDVS event camera (PushBot): servo pulses and wheels, on the camera's own serial line. */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { pulseOptions, pulseScale } from "./servo/pulse.ts";
import { valueIn } from "./servo/steps.ts";
import { textBytes } from "./wire/lines.ts";

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
  output: z
    .enum(["servo", "wheel"])
    .default("servo")
    .describe("servo: pulses on a timer's pin; wheel: a motor's velocity"),
  timer: z.enum(["A", "B", "C"]).default("A").describe("servo: the timer that makes the pulses"),
  channel: z.int().min(0).max(1).default(0).describe("output of the timer, or number of the motor"),
  periodUs: z
    .int()
    .min(3000)
    .max(100_000)
    .default(20_000)
    .describe("servo: time from pulse to pulse, microseconds; shorter than 15000 burns analog servos"),
  velocity: z
    .enum(["permanent", "leaky"])
    .default("permanent")
    .describe("wheel: permanent until the next command, or leaky, which the board lets decay by itself"),
  ...pulseOptions,
});

type Options = z.output<typeof options>;

/** Says the period of the pulses, or halts the motor and switches its driver on: neither moves anything. */
function readying({ output, timer, channel, periodUs }: Options): Uint8Array {
  return textBytes(output === "servo" ? `!P${timer}=${periodUs}\n` : `!MV${channel}=0\n!M+\n`);
}

/** Opens the port with flow control and readies the output. Throws a device error when the port can't be opened. */
export async function openEdvsMotor(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort({ rtscts: true }),
): Promise<Actuator> {
  const link = await openLink<never>(
    {
      path: options.port,
      baudRate: options.baudRate,
      context,
      // What the camera says is the sensor's.
      parse: () => [],
      async probe({ say }) {
        await say(readying(options));
        return true;
      },
    },
    openPort,
  );
  if (options.output === "servo" || options.velocity === "permanent")
    context.notice(
      `${context.id}: an eDVS has no failsafe for this output: when this program or its cable dies, it goes on as it was told last. Have a switch in the motor's supply`,
    );
  return {
    write: (frame, command) => link.write(frame, command),
    stop: link.leave,
    counts: link.counts,
  };
}

export default defineActuator({
  name: "edvs-motor",
  about: "Drives a servo or a wheel on the motor outputs of an eDVS camera.",
  units: ["deg", "pulseUs", "duty"],
  options,
  reach: (options, unit) => (options.output === "servo" ? pulseScale(options).reachIn(unit) : undefined),
  /**
   * `!PA0=1500`: a pulse width in microseconds, 0 for none; or `!MVD0=50`, `!MV0=50`: a leaky or permanent velocity,
   * -100 to 100 (eDVS4337 guide; SpiNNaker's Munich protocol, motor commands).
   */
  encode(options) {
    const { output, timer, channel, velocity } = options;
    const scale = pulseScale(options);
    const motor = velocity === "leaky" ? `!MVD${channel}` : `!MV${channel}`;
    return (command) => {
      if (command.action === "release")
        return textBytes(output === "servo" ? `!P${timer}${channel}=0\n` : `!MV${channel}=0\n`);
      if (output === "servo")
        return textBytes(`!P${timer}${channel}=${Math.round(scale.pulseIn(command))}\n`);
      const percent = Math.round(Math.min(Math.max(valueIn(command, "duty", "Duty"), -1), 1) * 100);
      return textBytes(`${motor}=${percent + 0}\n`);
    };
  },
  open: (options, context) => openEdvsMotor(options, context),
});
