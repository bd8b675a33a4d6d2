/** Hobby servos on a controller that understands SSC-32 lines, over a serial port. */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { joinPort, type OpenPort, openSerialPort } from "./serial/port.ts";
import { pulseOptions, pulseScale } from "./servo/pulse.ts";

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z.int().min(300).max(12_000_000).default(115_200).describe("speed of the line, baud"),
  channel: z.int().min(0).max(31).default(0).describe("output of the controller that the servo is on"),
  ...pulseOptions,
});

const noFailsafe =
  "WARNING: an SSC-32 has no failsafe: when this computer or its cable dies, the board goes on driving its servos at their last positions, for ever. Have a switch in the servos' supply, or use a board whose firmware stops by itself (drivers/firmware)";

/** Opens the port. Throws a device error when it is missing, in use or not allowed. */
export async function openSerialLine(
  { port, baudRate }: z.output<typeof options>,
  { id, clock, signal, connection, missed, notice }: ActuatorContext,
  openPort: OpenPort = openSerialPort,
): Promise<Actuator> {
  const share = await joinPort({ path: port, baudRate, id, clock, signal, connection, missed }, openPort);
  if (share.first) notice(noFailsafe);
  return {
    write: (frame, command) => share.write(frame, command),
    stop: share.leave,
    counts: share.counts,
  };
}

export default defineActuator({
  name: "serial-line",
  about: "Sends SSC-32 lines to a servo controller over a serial port.",
  units: ["deg", "pulseUs"],
  options,
  reach: (options, unit) => pulseScale(options).reachIn(unit),
  /** `#5P1500` and a carriage return: channel and pulse width in microseconds; a width of 0 stops the pulses (SSC-32 manual). */
  encode(options) {
    const scale = pulseScale(options);
    const text = new TextEncoder();
    return (command) => {
      const pulseUs = command.action === "release" ? 0 : Math.round(scale.pulseIn(command));
      return text.encode(`#${options.channel}P${pulseUs}\r`);
    };
  },
  open: (options, context) => openSerialLine(options, context),
});
