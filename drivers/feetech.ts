/** Feetech bus servos: STS and SMS (SO-100, SO-101 arms), which write the low byte first, and SCS, which writes the high byte first. */

import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { joined } from "./serial/bytes.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { healthOptions, type ServoState, stallOptions, watchHealth } from "./servo/health.ts";
import { stepOptions, stepScale, valueIn } from "./servo/steps.ts";
import { protocol1, type StatusPacket } from "./wire/dynamixel.ts";
import { signMagnitude, toSignMagnitude } from "./wire/words.ts";

const options = z
  .strictObject({
    port: z
      .string()
      .min(1)
      .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
    baudRate: z.int().min(300).max(12_000_000).default(1_000_000).describe("speed of the bus, baud"),
    servo: z.int().min(0).max(253).default(1).describe("id of the servo on its bus"),
    series: z.enum(["sts", "scs"]).default("sts").describe("sts: STS and SMS servos; scs: SCS servos"),
    mode: z
      .enum(["position", "velocity"])
      .default("position")
      .describe("what it is told: angles, or speeds (STS in wheel mode)"),
    ...stepOptions,
    ...healthOptions,
    ...stallOptions,
  })
  .superRefine(({ series, mode }, check) => {
    if (series === "scs" && mode === "velocity")
      check.addIssue({ code: "custom", path: ["mode"], message: "an SCS servo is told angles only" });
  });

type Options = z.output<typeof options>;

/** Registers (the vendor's memory tables); both series have these at the same places. */
const registers = { mode: 33, torque: 40, goal: 42, goalSpeed: 46 } as const;

/** Torque on is 1. Never 128: that would make the present position the servo's middle, and re-zero an arm. */
const torque = { on: 1, off: 0 } as const;

/** The block that is read back, the same one as the vendor's own programs read: position to current. */
const state = { address: 56, count: 15 } as const;
/** Of the questions, one in so many asks whether the torque is on. */
const torqueEvery = 4;

/** What differs between the series. */
const seriesOf = {
  sts: {
    measure: { steps: 4096, deg: 360, min: 0, max: 4095 },
    halves: (value: number) => [value & 0xff, value >> 8],
    word: (bytes: Uint8Array, at: number) => bytes[at]! | (bytes[at + 1]! << 8),
  },
  scs: {
    measure: { steps: 1024, deg: 300, min: 0, max: 1023 },
    halves: (value: number) => [value >> 8, value & 0xff],
    word: (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!,
  },
} as const;

/** Bits of the error byte of a status, from bit 0. */
const errors = [
  "bad supply voltage",
  "encoder failed",
  "too hot",
  "too much current",
  "angle outside its limits",
  "overload",
];

const replyUsMax = 20_000;

/** Opens the port and looks for the servo. Throws a device error when it does not answer or is in another mode. */
export async function openFeetech(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort({ lowLatency: true }),
): Promise<Actuator> {
  const { servo, series } = options;
  let polls = 0;
  const reader = protocol1.reader();
  const health = watchHealth(options, context);

  const read = ({ ask }: Asking<StatusPacket>, address: number, count: number) =>
    ask(
      protocol1.read(servo, address, count),
      ({ id, params }) => id === servo && params.length === count,
      replyUsMax,
    );

  const link = await openLink<StatusPacket>(
    {
      path: options.port,
      baudRate: options.baudRate,
      context,
      halfDuplex: true,
      parse: (bytes) => reader.push(bytes),
      reset: () => reader.reset(),
      async probe(asking) {
        if (series === "scs") return (await read(asking, state.address, state.count)) !== undefined;
        const mode = await read(asking, registers.mode, 1);
        if (mode) checkMode(mode.params[0]!, options, context.id);
        return mode !== undefined;
      },
      async poll(asking) {
        polls += 1;
        const asksTorque = polls % torqueEvery === 0;
        const status = asksTorque
          ? await read(asking, registers.torque, 1)
          : await read(asking, state.address, state.count);
        if (!status) return false;
        const reported = errors.filter((_, bit) => (status.error >> bit) & 1);
        if (asksTorque) health.take({}, reported, status.params[0] !== torque.off);
        else health.take(stateIn(status.params, options), reported);
        return true;
      },
      pollUs: options.pollMs * 1000,
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "Feetech servos have no bus watchdog: when this program or its cable dies, they hold their last goal. Have a switch in their supply",
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

/** Signs are in a bit of their own: bit 15, and bit 10 for the load. A step of the current is 6.5 mA. */
function stateIn(block: Uint8Array, options: Options): ServoState {
  const { measure, word } = seriesOf[options.series];
  const signed = (register: number, signBit: number) =>
    signMagnitude(word(block, register - state.address), signBit);
  const speed = (signed(58, 15) * measure.deg) / measure.steps;
  return {
    angleDeg: stepScale(options, measure).angleOf(signed(56, 15)),
    speedDegPerS: options.direction === "reversed" ? -speed : speed,
    load: signed(60, 10) / 1000,
    voltageV: block[62 - state.address]! / 10,
    temperatureC: block[63 - state.address]!,
    currentA: signed(69, 15) * 0.0065,
  };
}

/** Mode 0 is position, 1 is speed. It is never changed here: it lives in an EEPROM. */
function checkMode(mode: number, options: Options, room: string): void {
  const wanted = options.mode === "velocity" ? 1 : 0;
  if (mode === wanted) return;
  throw new ReflexarcError({
    kind: "device",
    room,
    what: `the servo is in mode ${mode}, which takes no ${options.mode}`,
    where: `${options.port}, servo ${options.servo}`,
    remedy: `Set its register 33 to ${wanted} with the vendor's program (FD).`,
  });
}

export default defineActuator({
  name: "feetech",
  about: "Drives a Feetech STS, SMS or SCS bus servo, and reads back how it is.",
  units: ["deg", "degPerS"],
  options,
  reach: (options, unit) =>
    unit === "deg" ? stepScale(options, seriesOf[options.series].measure).reach : undefined,
  /** Two sync writes, which nobody answers: torque on, then the goal. A release is torque off. */
  encode(options) {
    const { measure, halves } = seriesOf[options.series];
    const scale = stepScale(options, measure);
    const set = (address: number, data: readonly number[]) =>
      protocol1.syncWrite(address, [{ id: options.servo, data }]);
    const stepsPerDeg = ((options.direction === "reversed" ? -1 : 1) * measure.steps) / measure.deg;
    return (command) => {
      if (command.action === "release") return set(registers.torque, [torque.off]);
      const goal =
        options.mode === "velocity"
          ? set(
              registers.goalSpeed,
              halves(toSignMagnitude(Math.round(valueIn(command, "degPerS", "DegPerS") * stepsPerDeg), 15)),
            )
          : set(registers.goal, halves(scale.stepOf(valueIn(command, "deg", "Deg"))));
      return joined(set(registers.torque, [torque.on]), goal);
    };
  },
  open: (options, context) => openFeetech(options, context),
});
