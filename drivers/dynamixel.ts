/** Dynamixel bus servos of ROBOTIS: the X series (protocol 2.0) and the AX series (protocol 1.0). */

import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { joined } from "./serial/bytes.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { healthOptions, type ServoState, stallOptions, watchHealth } from "./servo/health.ts";
import { type StepScale, stepOptions, stepScale, valueIn } from "./servo/steps.ts";
import { type Protocol, protocol1, protocol2, type StatusPacket } from "./wire/dynamixel.ts";
import { signed16, signed32, signMagnitude, word } from "./wire/words.ts";

const options = z
  .strictObject({
    port: z
      .string()
      .min(1)
      .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
    baudRate: z
      .int()
      .min(300)
      .max(12_000_000)
      .default(57_600)
      .describe("speed of the bus, baud; new X servos have 57600, AX servos 1000000"),
    servo: z.int().min(0).max(252).default(1).describe("id of the servo on its bus"),
    series: z
      .enum(["x", "ax"])
      .default("x")
      .describe("x: X series, protocol 2.0; ax: AX series, protocol 1.0"),
    mode: z
      .enum(["position", "velocity"])
      .default("position")
      .describe("what it is told: angles, or speeds (X series in velocity mode)"),
    ...stepOptions,
    loadAtFull: z
      .number()
      .positive()
      .default(1000)
      .describe(
        "raw load or current that is its largest: 1000 for XL430 and AX, the current limit for XL330 and XM430",
      ),
    busWatchdogMs: z
      .int()
      .min(100)
      .max(2540)
      .default(500)
      .describe("silence on the bus at which an X servo stops by itself, milliseconds"),
    ...healthOptions,
    ...stallOptions,
  })
  .superRefine(({ series, mode, pollMs, busWatchdogMs }, check) => {
    if (series === "ax" && mode === "velocity")
      check.addIssue({ code: "custom", path: ["mode"], message: "an AX servo is told angles only" });
    if (series === "x" && pollMs * 3 > busWatchdogMs)
      check.addIssue({
        code: "custom",
        path: ["busWatchdogMs"],
        message: "must be at least three times pollMs, or the servo would stop between two questions",
      });
  });

type Options = z.output<typeof options>;

/** What differs between the series: where the registers lie, and what they mean (ROBOTIS e-manual, control tables). */
interface Series {
  readonly protocol: Protocol;
  readonly scale: (options: Options) => StepScale;
  readonly torque: number;
  goal(options: Options): (value: number) => { address: number; data: number[] };
  /** The block that is read back. */
  readonly state: { readonly address: number; readonly count: number };
  stateOf(params: Uint8Array, options: Options, scale: StepScale): ServoState;
  /** Whether the torque is on, where the block tells. */
  torqueIn?(params: Uint8Array): boolean;
}

/** A speed of the X series: one step is 0.229 turns a minute. */
const degPerSOfStep = 0.229 * 6;

const x: Series = {
  protocol: protocol2,
  scale: (options) => stepScale(options, { steps: 4096, deg: 360, min: 0, max: 4095 }),
  torque: 64,
  goal({ mode, direction, ...options }) {
    if (mode === "velocity") {
      const sign = direction === "reversed" ? -1 : 1;
      return (degPerS) => ({ address: 104, data: bytesOf(Math.round((sign * degPerS) / degPerSOfStep), 4) });
    }
    const scale = x.scale({ mode, direction, ...options });
    return (angleDeg) => ({ address: 116, data: bytesOf(scale.stepOf(angleDeg), 4) });
  },
  state: { address: 126, count: 21 },
  stateOf(params, { loadAtFull, direction }, scale) {
    const speed = signed32(params, 2) * degPerSOfStep;
    return {
      load: signed16(params, 0) / loadAtFull,
      speedDegPerS: direction === "reversed" ? -speed : speed,
      angleDeg: scale.angleOf(signed32(params, 6)),
      voltageV: word(params, 18) / 10,
      temperatureC: params[20]!,
    };
  },
};

const ax: Series = {
  protocol: protocol1,
  scale: (options) => stepScale(options, { steps: 1023, deg: 300, min: 0, max: 1023 }),
  torque: 24,
  goal(options) {
    const scale = ax.scale(options);
    return (angleDeg) => ({ address: 30, data: bytesOf(scale.stepOf(angleDeg), 2) });
  },
  state: { address: 24, count: 20 },
  stateOf: (params, { loadAtFull }, scale) => ({
    angleDeg: scale.angleOf(word(params, 12)),
    load: signMagnitude(word(params, 16), 10) / loadAtFull,
    voltageV: params[18]! / 10,
    temperatureC: params[19]!,
  }),
  torqueIn: (params) => params[0] !== 0,
};

const seriesOf = { x, ax } as const;

function bytesOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >> (8 * i)) & 0xff);
}

/** Bits of the hardware error status (register 70) of the X series, from bit 0. */
const hardwareErrors = [
  "bad supply voltage",
  "",
  "too hot",
  "encoder failed",
  "electrical shock",
  "overload",
];

const busWatchdog = 98;
const tripped = 0xff;
/** Of the questions about its state, one in so many asks whether the watchdog still stands. */
const watchdogEvery = 4;
const replyUsMax = 30_000;

/** Opens the port and readies the servo, without moving it. Throws a device error when it does not answer or is in another mode. */
export async function openDynamixel(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort({ lowLatency: true }),
): Promise<Actuator> {
  const { servo, series } = options;
  const { protocol, state, scale, stateOf, torqueIn } = seriesOf[series];
  const reader = protocol.reader();
  const health = watchHealth(options, context);
  const degrees = scale(options);
  let polls = 0;
  let watchdogStands = false;

  const read = async ({ ask }: Asking<StatusPacket>, address: number, count: number) =>
    ask(
      protocol.read(servo, address, count),
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
        if (series === "ax") return (await read(asking, state.address, state.count)) !== undefined;
        const mode = await read(asking, 11, 1);
        if (!mode) return false;
        checkMode(mode.params[0]!, options, context.id);
        const watchdog = await setWatchdog(asking, options, () => read(asking, busWatchdog, 1));
        if (watchdog === "unknown")
          context.notice(
            `${context.id}: the servo has no bus watchdog (its firmware is old): when this program dies, it holds its last goal`,
          );
        watchdogStands = watchdog === "stands";
        return watchdog !== "silent";
      },
      async poll(asking) {
        polls += 1;
        if (watchdogStands && polls % watchdogEvery === 0) {
          const watchdog = await read(asking, busWatchdog, 1);
          if (watchdog) checkWatchdog(watchdog.params[0]!, link.lose);
          return watchdog !== undefined;
        }
        const status = await read(asking, state.address, state.count);
        if (!status) return false;
        const errors = protocol.errorsIn(status.error);
        const hardware = series === "x" && status.error & 0x80 ? await read(asking, 70, 1) : undefined;
        if (hardware) errors.push(...bitsIn(hardware.params[0]!, hardwareErrors));
        health.take(stateOf(status.params, options, degrees), errors, torqueIn?.(status.params));
        return true;
      },
      pollUs: options.pollMs * 1000,
    },
    openPort,
  );
  if (series === "ax")
    context.notice(
      `${context.id}: an AX servo has no bus watchdog: when this program or its cable dies, it holds its last goal`,
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

/** Modes of the X series: 1 is velocity; 3, 4 and 5 are kinds of position. It is never changed here: it lives in an EEPROM. */
function checkMode(mode: number, options: Options, room: string): void {
  const wanted = options.mode === "velocity" ? [1] : [3, 4, 5];
  if (wanted.includes(mode)) return;
  throw new ReflexarcError({
    kind: "device",
    room,
    what: `the servo is in operating mode ${mode}, which takes no ${options.mode}`,
    where: `${options.port}, servo ${options.servo}`,
    remedy: `Set its register 11 to ${wanted[0]} with the Dynamixel Wizard.`,
  });
}

/**
 * Sets the watchdog and looks whether it took, by broadcasts, since nobody answers those. One that has tripped must be
 * cleared by a 0; the torque goes off before that, or the servo would be free to go on to a goal of long ago.
 */
async function setWatchdog(
  { say }: Asking<StatusPacket>,
  { servo, busWatchdogMs }: Options,
  read: () => Promise<StatusPacket | undefined>,
): Promise<"stands" | "unknown" | "silent"> {
  // The watchdog counts 20 ms.
  const units = Math.ceil(busWatchdogMs / 20);
  const set = (address: number, value: number) =>
    say(protocol2.syncWrite(address, [{ id: servo, data: [value] }]));
  const before = await read();
  if (before?.params[0] === tripped) await set(x.torque, 0);
  await set(busWatchdog, 0);
  await set(busWatchdog, units);
  const took = await read();
  if (!took) return "silent";
  return took.params[0] === units ? "stands" : "unknown";
}

function checkWatchdog(value: number, lose: (why: string) => void): void {
  if (value === tripped) lose("the servo's bus watchdog has tripped: the bus was silent for too long");
  if (value === 0)
    lose("the servo restarted by itself: probably a brown-out. Give the servos a stronger supply");
}

const bitsIn = (value: number, names: readonly string[]) =>
  names.filter((name, bit) => name !== "" && (value >> bit) & 1);

export default defineActuator({
  name: "dynamixel",
  about: "Drives a Dynamixel bus servo of the X or AX series, and reads back how it is.",
  units: ["deg", "degPerS"],
  options,
  reach: (options, unit) => (unit === "deg" ? seriesOf[options.series].scale(options).reach : undefined),
  /** Two sync writes, which nobody answers: torque on, then the goal. A release is torque off. */
  encode(options) {
    const { protocol, torque, goal } = seriesOf[options.series];
    const goalOf = goal(options);
    const set = (address: number, data: readonly number[]) =>
      protocol.syncWrite(address, [{ id: options.servo, data }]);
    return (command) => {
      if (command.action === "release") return set(torque, [0]);
      const [unit, limits] =
        options.mode === "velocity" ? (["degPerS", "DegPerS"] as const) : (["deg", "Deg"] as const);
      const { address, data } = goalOf(valueIn(command, unit, limits));
      return joined(set(torque, [1]), set(address, data));
    };
  },
  open: (options, context) => openDynamixel(options, context),
});
