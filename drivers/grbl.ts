/** Steppers on Grbl 1.1: one axis of a plotter, a mill or a pan-tilt head, as a jog that follows. */

import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { awaited } from "./serial/awaited.ts";
import { type Asking, type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { tellFault } from "./servo/health.ts";
import { valueIn } from "./servo/steps.ts";
import { LineReader, textBytes } from "./wire/lines.ts";

const axes = ["X", "Y", "Z"] as const;

const options = z.strictObject({
  port: z
    .string()
    .min(1)
    .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
  baudRate: z.int().min(300).max(12_000_000).default(115_200).describe("speed of the line, baud"),
  axis: z.enum(axes).default("X").describe("the axis that moves"),
  mmPerDeg: z
    .number()
    .refine((value) => value !== 0, "must not be 0")
    .default(1)
    .describe("how far the axis goes for a degree, millimetres as Grbl counts them; negative turns it round"),
  zeroMm: z.number().default(0).describe("machine position at 0 degrees, millimetres"),
  feedDegPerS: z
    .number()
    .positive()
    .default(360)
    .describe("speed of each jog, degrees per second: above the limits' slew, or the axis falls behind"),
  onRelease: z
    .enum(["cancel", "reset"])
    .default("cancel")
    .describe("cancel: brake and keep the position; reset: stop dead, the position may be lost"),
  pollMs: z
    .int()
    .min(10)
    .max(10_000)
    .default(100)
    .describe("pause between two questions to the board for its state, milliseconds"),
});

type Options = z.output<typeof options>;

/** Real-time commands (Grbl 1.1, Commands): they act at once, past the queue. */
const jogCancel = 0x85;
const softReset = 0x18;
const statusQuery = textBytes("?");

export type GrblReply =
  | { readonly kind: "ok" }
  | { readonly kind: "error"; readonly code: string }
  | { readonly kind: "alarm"; readonly code: string }
  | { readonly kind: "banner" }
  /** `<Idle|MPos:1.000,0.000,0.000|WCO:0.000,0.000,0.000>`; positions in millimetres, where they were said. */
  | {
      readonly kind: "status";
      readonly state: string;
      readonly mpos?: number[];
      readonly wpos?: number[];
      readonly wco?: number[];
    }
  | { readonly kind: "other" };

/** What a line of Grbl's says (Grbl 1.1, Interface). */
export function grblReply(line: string): GrblReply {
  if (line === "ok") return { kind: "ok" };
  const [, word, code] = /^(error|ALARM):(\d{1,3})$/.exec(line) ?? [];
  if (word) return { kind: word === "error" ? "error" : "alarm", code: code! };
  if (/^Grbl \d/.test(line)) return { kind: "banner" };
  if (!/^<[^<>]+>$/.test(line)) return { kind: "other" };
  const [state, ...fields] = line.slice(1, -1).split("|");
  const named = (name: string) => {
    const field = fields.find((each) => each.startsWith(`${name}:`));
    const numbers = field
      ?.slice(name.length + 1)
      .split(",")
      .map(Number);
    return numbers?.every(Number.isFinite) ? numbers : undefined;
  };
  const [mpos, wpos, wco] = [named("MPos"), named("WPos"), named("WCO")];
  return { kind: "status", state: state!, ...(mpos && { mpos }), ...(wpos && { wpos }), ...(wco && { wco }) };
}

/** States in which Grbl takes jogs; in the others it waits for a person. */
const working = ["Idle", "Jog", "Run"];

const bannerUsMax = 2_500_000;
const replyUsMax = 100_000;

/** Opens the port and waits for Grbl. Throws a device error when it does not answer or is in an alarm. */
export async function openGrbl(
  options: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort(),
): Promise<Actuator> {
  const { port, baudRate, axis, mmPerDeg, zeroMm, onRelease, pollMs } = options;
  const { clock, signal, id } = context;
  const reader = new LineReader();
  const state: Record<string, number> = {};
  let started = awaited();
  let offsetMm = 0;
  let resets = 0;
  let troubled = false;

  const fault = (why: string) => {
    if (!troubled) tellFault(context, why);
    troubled = true;
  };

  const takeStatus = (status: GrblReply & { kind: "status" }) => {
    const at = axes.indexOf(axis);
    offsetMm = status.wco?.[at] ?? offsetMm;
    const mm = status.mpos?.[at] ?? (status.wpos?.[at] ?? Number.NaN) + offsetMm;
    if (Number.isFinite(mm)) state.angleDeg = (mm - zeroMm) / mmPerDeg;
    const works = isWorking(status.state);
    if (works) troubled = false;
    else fault(`Grbl is in its state ${status.state}. ${remedy}`);
  };

  const askStatus = async ({ ask }: Asking<GrblReply>) => {
    const reply = await ask(statusQuery, ({ kind }) => kind === "status", replyUsMax);
    return reply?.kind === "status" ? reply : undefined;
  };

  const link = await openLink<GrblReply>(
    {
      path: port,
      baudRate,
      context,
      parse: (bytes) => reader.push(bytes).map(grblReply),
      endsMove: ({ kind }) => kind === "ok" || kind === "error",
      opened() {
        started = awaited();
        resets = 0;
      },
      heard(reply, lose) {
        if (reply.kind === "alarm") fault(`Grbl's alarm ${reply.code}. ${remedy}`);
        if (reply.kind === "error") fault(`Grbl refused a move with its error ${reply.code}. ${remedy}`);
        if (reply.kind !== "banner") return;
        started.arrive();
        if (resets > 0) resets -= 1;
        else lose("the board restarted by itself: probably a brown-out. Give the motors their own supply");
      },
      async probe(asking) {
        const patienceUs = asking.first ? bannerUsMax : 0;
        await Promise.race([started.came, clock.until(clock.nowUs() + patienceUs, signal)]);
        const status = await askStatus(asking);
        if (status && !isWorking(status.state))
          throw new ReflexarcError({
            kind: "device",
            room: id,
            what: `Grbl is in its state ${status.state}`,
            where: port,
            remedy,
          });
        return status !== undefined;
      },
      async poll(asking) {
        const status = await askStatus(asking);
        if (status) takeStatus(status);
        return status !== undefined;
      },
      pollUs: pollMs * 1000,
      remedy: "Check the port and its baudRate, and that the board runs Grbl 1.1.",
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "Grbl ends the jog that it is in when this program or its cable dies, and then holds: have a switch in its supply",
    );
  return {
    write(frame, command) {
      if (command.action === "release" && onRelease === "reset") resets += 1;
      link.write(frame, command);
    },
    readings: () => state,
    stop: link.leave,
    counts: link.counts,
  };
}

const remedy = "Look what holds it; then home it ($H) or unlock it ($X) with a terminal, and arm again.";

const isWorking = (state: string) => working.includes(state.split(":")[0]!);

export default defineActuator({
  name: "grbl",
  about: "Moves an axis of a Grbl 1.1 board by jogs that follow the commands.",
  units: ["deg"],
  options,
  /**
   * `$J=G53G21X12.345F6000`: a jog to a machine position, which a parser state or an offset can't shift. A release is
   * `0x85`, which brakes and forgets all jogs, or `0x18`, a reset.
   */
  encode({ axis, mmPerDeg, zeroMm, feedDegPerS, onRelease }) {
    const feed = Math.max(Math.round(Math.abs(feedDegPerS * mmPerDeg) * 60), 1);
    return (command) => {
      if (command.action === "release") return Uint8Array.of(onRelease === "reset" ? softReset : jogCancel);
      const mm = zeroMm + valueIn(command, "deg", "Deg") * mmPerDeg;
      return textBytes(`$J=G53G21${axis}${(Math.round(mm * 1000) / 1000 + 0).toFixed(3)}F${feed}\n`);
    };
  },
  open: (options, context) => openGrbl(options, context),
});
