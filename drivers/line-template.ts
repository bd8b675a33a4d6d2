/** Home-made firmware: each command is a line of text that the document spells out. */

import { z } from "zod";
import type { SafeCommand } from "../src/safety/command.ts";
import { type Actuator, type ActuatorContext, defineActuator } from "../src/stage.ts";
import { awaited } from "./serial/awaited.ts";
import { type OpenTalkingPort, openLink, talkingPort } from "./serial/link.ts";
import { tellFault } from "./servo/health.ts";
import { LineReader, textBytes } from "./wire/lines.ts";

const placeholders = ["channel", "value", "sequence"];

const template = () =>
  z
    .string()
    .min(1)
    .max(200)
    .superRefine((text, check) => {
      for (const [whole, name] of text.matchAll(/\{([^}]*)\}/g))
        if (!placeholders.includes(name!))
          check.addIssue({
            code: "custom",
            message: `knows no ${whole}; there are {${placeholders.join("}, {")}}`,
          });
    });

const options = z
  .strictObject({
    port: z
      .string()
      .min(1)
      .describe("the serial port: /dev/ttyUSB0, COM3, or id: and its id as `reflexarc devices` shows it"),
    baudRate: z.int().min(300).max(12_000_000).default(115_200).describe("speed of the line, baud"),
    template: template().describe(
      'the line of a move, for example "S{channel}:{value}\\n"; {sequence} counts up to 65535',
    ),
    release: template().describe('the line that lets the motor go, for example "S{channel}:off\\n"'),
    channel: z
      .union([z.int(), z.string().max(32)])
      .default(0)
      .describe("what stands for {channel}"),
    scale: z.number().default(1).describe("the command's value is multiplied by this"),
    offset: z.number().default(0).describe("and this is added"),
    decimals: z
      .int()
      .min(0)
      .max(6)
      .default(0)
      .describe("digits behind the point to which {value} is rounded"),
    minValue: z
      .number()
      .default(-32_768)
      .describe("least {value} that is ever sent; an Arduino's least int by default"),
    maxValue: z
      .number()
      .default(32_767)
      .describe("largest {value} that is ever sent; an Arduino's largest int by default"),
    banner: z
      .string()
      .max(64)
      .default("")
      .describe(
        "how the line begins that the firmware says at its start: it is waited for, and later it is a restart",
      ),
    alarm: z
      .string()
      .min(1)
      .max(64)
      .default("!failsafe")
      .describe("how the line begins with which the firmware says that it has stopped by itself"),
  })
  .superRefine(({ template, decimals, minValue, maxValue, scale }, check) => {
    if (!template.includes("{value}"))
      check.addIssue({ code: "custom", path: ["template"], message: "must hold {value}" });
    if (minValue >= maxValue)
      check.addIssue({ code: "custom", path: ["maxValue"], message: "must be above minValue" });
    for (const [name, end] of Object.entries({ minValue, maxValue }))
      if (Number(end.toFixed(decimals)) !== end)
        check.addIssue({ code: "custom", path: [name], message: `has more than ${decimals} decimals` });
    if (scale === 0) check.addIssue({ code: "custom", path: ["scale"], message: "must not be 0" });
  });

type Options = z.output<typeof options>;

/** A board that restarts when the port opens has said its banner by now. */
const bannerUsMax = 2_500_000;

/** Opens the port, and waits for the banner where there is one. Throws a device error when the port can't be opened. */
export async function openLineTemplate(
  { port, baudRate, banner, alarm }: Options,
  context: ActuatorContext,
  openPort: OpenTalkingPort = talkingPort(),
): Promise<Actuator> {
  const { clock, signal } = context;
  const reader = new LineReader();
  let started = awaited();

  const link = await openLink<string>(
    {
      path: port,
      baudRate,
      context,
      parse: (bytes) => reader.push(bytes),
      opened() {
        started = awaited();
      },
      heard(line, lose) {
        if (line.startsWith(alarm)) tellFault(context, `the board says: ${line}`);
        if (banner === "" || !line.startsWith(banner)) return;
        started.arrive();
        lose("the board restarted by itself: probably a brown-out. Give the motors their own supply");
      },
      async probe({ first }) {
        if (banner === "" || !first) return true;
        // A board that was running before says nothing: then there is nothing to wait for.
        await Promise.race([started.came, clock.until(clock.nowUs() + bannerUsMax, signal)]);
        return true;
      },
    },
    openPort,
  );
  if (link.first)
    context.notice(
      "Does your firmware stop its motors by itself when it hears nothing for half a second? Nothing else can, when this program or its cable dies",
    );
  return {
    write: (frame, command) => link.write(frame, command),
    stop: link.leave,
    counts: link.counts,
  };
}

export default defineActuator({
  name: "line-template",
  about: "Sends lines of text, as a template spells them, to home-made firmware.",
  units: ["deg", "pulseUs", "degPerS", "duty", "switch"],
  options,
  /** The template with its placeholders filled in. */
  encode(options) {
    const fill = (text: string, command: SafeCommand) =>
      textBytes(
        text
          .replaceAll("{value}", command.action === "move" ? valueText(command.value, options) : "0")
          .replaceAll("{sequence}", String(command.sequence % 65_536))
          .replaceAll("{channel}", () => String(options.channel)),
      );
    return (command) => fill(command.action === "release" ? options.release : options.template, command);
  },
  open: (options, context) => openLineTemplate(options, context),
});

/** Rounded, then held to the range: what is sent is never outside it. Never `-0`. */
function valueText(value: number, { scale, offset, decimals, minValue, maxValue }: Options): string {
  const rounded = Number((value * scale + offset).toFixed(decimals));
  return (Math.min(Math.max(rounded, minValue), maxValue) + 0).toFixed(decimals);
}
