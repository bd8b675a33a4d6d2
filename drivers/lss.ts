/** Lynxmotion Smart Servos (LSS): lines of text on a serial bus. */

import { z } from "zod";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { healthOptions, type ServoState, watchHealth } from "./servo/health.ts";
import { type StepScale, stepOptions, stepScale, valueIn } from "./servo/steps.ts";
import { LineReader, textBytes } from "./wire/lines.ts";

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z.int().min(300).max(12_000_000).default(115_200).describe("speed of the bus, baud"),
  servo: z.int().min(0).max(250).default(0).describe("id of the servo on its bus"),
  ...stepOptions,
  ...healthOptions,
});

type Options = z.output<typeof options>;

/** A step is a tenth of a degree; an LSS turns round more than once. */
const measure = { steps: 3600, deg: 360, min: -18_000, max: 18_000 } as const;

/** What a servo answers: `*5QD1800` is servo 5, query QD, 1800. */
export interface LssReply {
  readonly id: number;
  readonly query: string;
  readonly value: number;
}

/** Undefined for a line that is no answer. */
export function lssReply(line: string): LssReply | undefined {
  const [, id, query, value] = /\*(\d{1,3})(Q[A-Z]{0,3})(-?\d{1,6})$/.exec(line) ?? [];
  return value === undefined ? undefined : { id: Number(id), query: query!, value: Number(value) };
}

/** States of the query Q that need a person (LSS communication protocol, query status). */
const troubles: Record<number, string> = {
  8: "stuck: it can't reach the position at this speed",
  9: "blocked: it can't move at full power",
  10: "safe mode: too hot, overloaded or badly supplied",
};
const limp = 1;

/** What is asked in turn: the position every other time. */
const questions = ["QD", "Q", "QD", "QT", "QD", "QV", "QD", "QC"] as const;
const replyUsMax = 30_000;

/** Opens the port and looks for the servo. Throws a device error when it does not answer. */
export async function openLss(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort({ lowLatency: true }),
): Promise<Actuator> {
  const { servo } = options;
  const reader = new LineReader();
  const health = watchHealth(options, context);
  const scale = stepScale(options, measure);
  let polls = 0;

  const read = ({ ask }: Asking<LssReply>, query: string) =>
    ask(textBytes(`#${servo}${query}\r`), (reply) => reply.id === servo && reply.query === query, replyUsMax);

  const link = await openLink<LssReply>(
    {
      path: options.port,
      baudRate: options.baudRate,
      context,
      parse: (bytes) => reader.push(bytes).flatMap((line) => lssReply(line) ?? []),
      reset: () => reader.reset(),
      probe: async (asking) => (await read(asking, "QD")) !== undefined,
      async poll(asking) {
        const query = questions[polls % questions.length]!;
        const reply = await read(asking, query);
        polls += 1;
        if (!reply) return false;
        if (query === "Q") {
          const trouble = troubles[reply.value];
          health.take({}, trouble ? [trouble] : [], reply.value !== limp);
        } else health.take(stateIn(reply, scale));
        return true;
      },
      pollUs: options.pollMs * 1000,
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "LSS servos have no failsafe of their own: when this program or its cable dies, they hold their last position. Have a switch in their supply",
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

/** Tenths of a degree, tenths of a degree Celsius, millivolts, milliamperes. */
function stateIn({ query, value }: LssReply, scale: StepScale): ServoState {
  if (query === "QD") return { angleDeg: scale.angleOf(value) };
  if (query === "QT") return { temperatureC: value / 10 };
  return query === "QV" ? { voltageV: value / 1000 } : { currentA: value / 1000 };
}

export default defineActuator({
  name: "lss",
  about: "Drives a Lynxmotion Smart Servo (LSS), and reads back how it is.",
  units: ["deg"],
  options,
  reach: (options) => stepScale(options, measure).reach,
  /** `#5D1800` and a carriage return: tenths of a degree; a release is `#5L`, limp. */
  encode(options) {
    const scale = stepScale(options, measure);
    return (command) =>
      textBytes(
        command.action === "release"
          ? `#${options.servo}L\r`
          : `#${options.servo}D${scale.stepOf(valueIn(command, "deg", "Deg"))}\r`,
      );
  },
  open: (options, context) => openLss(options, context),
});
