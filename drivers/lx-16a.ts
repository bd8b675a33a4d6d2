/** LX-16A and its kin: bus servos of LewanSoul (now Hiwonder). */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { joined } from "./serial/bytes.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { healthOptions, type ServoState, watchHealth } from "./servo/health.ts";
import { stepOptions, stepScale, valueIn } from "./servo/steps.ts";
import { type Found, PacketReader } from "./wire/packet-reader.ts";
import { signed16, word } from "./wire/words.ts";

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z.int().min(300).max(12_000_000).default(115_200).describe("speed of the bus, baud"),
  servo: z.int().min(0).max(253).default(1).describe("id of the servo on its bus"),
  moveMs: z
    .int()
    .min(0)
    .max(30_000)
    .default(20)
    .describe("time in which the servo goes to each new position, milliseconds; the servo's own ramp"),
  ...stepOptions,
  ...healthOptions,
});

type Options = z.output<typeof options>;

/** Commands of the bus (LewanSoul Bus Servo Communication Protocol). */
export const lxCommands = { move: 1, heat: 26, voltage: 27, position: 28, load: 31, isLoaded: 32 } as const;

const measure = { steps: 1000, deg: 240, min: 0, max: 1000 } as const;

export interface LxPacket {
  readonly id: number;
  readonly command: number;
  readonly params: Uint8Array;
}

/** `55 55 ID LEN CMD PARAM... CHK`: LEN is 3 more than the parameters, CHK the inverted sum from ID on. */
export function lxPacket(id: number, command: number, params: readonly number[] = []): Uint8Array {
  const body = [id, params.length + 3, command, ...params];
  return Uint8Array.of(0x55, 0x55, ...body, checksum(body));
}

function checksum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i]!;
  return ~sum & 0xff;
}

const bytesMax = 32;

/** Reads packets in any cut, and finds the next one after garbage. */
export const lxReader = (): PacketReader<LxPacket> => new PacketReader(bytesMax, findPacket);

function findPacket(bytes: Uint8Array): Found<LxPacket> {
  if (bytes[0] !== 0x55 || (bytes.length > 1 && bytes[1] !== 0x55)) return "garbage";
  if (bytes.length < 4) return "unfinished";
  const length = bytes[3]!;
  const end = length + 3;
  if (length < 3 || end > bytesMax) return "garbage";
  if (bytes.length < end) return "unfinished";
  if (checksum(bytes.subarray(2, end - 1)) !== bytes[end - 1]) return "garbage";
  return { bytes: end, packet: { id: bytes[2]!, command: bytes[4]!, params: bytes.slice(5, end - 1) } };
}

/** What is asked in turn: the position every other time. */
const questions = [
  { command: lxCommands.position, bytes: 2 },
  { command: lxCommands.heat, bytes: 1 },
  { command: lxCommands.position, bytes: 2 },
  { command: lxCommands.voltage, bytes: 2 },
  { command: lxCommands.position, bytes: 2 },
  { command: lxCommands.isLoaded, bytes: 1 },
] as const;

const replyUsMax = 30_000;

/** Opens the port and looks for the servo. Throws a device error when it does not answer. */
export async function openLx16a(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort({ lowLatency: true }),
): Promise<Actuator> {
  const { servo } = options;
  const reader = lxReader();
  const health = watchHealth(options, context);
  const scale = stepScale(options, measure);
  let polls = 0;

  const read = ({ ask }: Asking<LxPacket>, { command, bytes }: (typeof questions)[number]) =>
    ask(
      lxPacket(servo, command),
      (reply) => reply.id === servo && reply.command === command && reply.params.length === bytes,
      replyUsMax,
    );

  const take = ({ command, params }: LxPacket) => {
    const state: ServoState = {};
    if (command === lxCommands.position) state.angleDeg = scale.angleOf(signed16(params, 0));
    if (command === lxCommands.heat) state.temperatureC = params[0]!;
    if (command === lxCommands.voltage) state.voltageV = word(params, 0) / 1000;
    health.take(state, undefined, command === lxCommands.isLoaded ? params[0] !== 0 : undefined);
  };

  const link = await openLink<LxPacket>(
    {
      path: options.port,
      baudRate: options.baudRate,
      context,
      halfDuplex: true,
      parse: (bytes) => reader.push(bytes),
      reset: () => reader.reset(),
      probe: async (asking) => (await read(asking, questions[0])) !== undefined,
      async poll(asking) {
        const reply = await read(asking, questions[polls % questions.length]!);
        polls += 1;
        if (reply) take(reply);
        return reply !== undefined;
      },
      pollUs: options.pollMs * 1000,
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "LX servos have no failsafe of their own: when this program or its cable dies, they hold their last position. Have a switch in their supply",
    );
  return {
    write(frame, command) {
      health.told(command.action);
      link.write(frame, command);
    },
    readings: () => health.state,
    stop: link.leave,
    counts: link.counts,
  };
}

export default defineActuator({
  name: "lx-16a",
  about: "Drives an LX-16A bus servo (LewanSoul, Hiwonder) or one of its kin, and reads back how it is.",
  units: ["deg"],
  options,
  reach: (options) => stepScale(options, measure).reach,
  /** Torque on (`31 01`), then the position in thousandths of 240 degrees and the time to it. A release is torque off. */
  encode(options) {
    const scale = stepScale(options, measure);
    const { servo, moveMs } = options;
    const torque = (on: 0 | 1) => lxPacket(servo, lxCommands.load, [on]);
    return (command) => {
      if (command.action === "release") return torque(0);
      const step = scale.stepOf(valueIn(command, "deg", "Deg"));
      const params = [step & 0xff, step >> 8, moveMs & 0xff, moveMs >> 8];
      return joined(torque(1), lxPacket(servo, lxCommands.move, params));
    };
  },
  open: (options, context) => openLx16a(options, context),
});
