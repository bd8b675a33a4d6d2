/** Runs bundled pipelines and tells where their simulated servos stood, at any time and not only on the grid. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import dryRun, { type ServoOptions, simulateServo } from "../../drivers/dry-run.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { anyOptions, type Definition, defineActuator } from "../../src/stage.ts";
import { catalogWith, type Ran, type RunChoices, root, runText } from "./world.ts";

export interface Watched extends Ran {
  /** By actuator id: the servo's angle at a time; asked in order of time, from the start again after each `angles()`. */
  readonly servos: ReadonlyMap<string, { angles(): (atUs: number) => number }>;
}

/** Runs a bundled pipeline; `eye` takes the place of its sensor's line, under the same id. */
export async function watchServos(
  name: string,
  {
    eye,
    definitions = [],
    ...choices
  }: RunChoices & { eye?: object; definitions?: readonly Definition[] } = {},
): Promise<Watched> {
  const told = new Map<string, { options: ServoOptions; commands: SafeCommand[] }>();
  const watched = defineActuator({
    ...dryRun,
    async open(options, context) {
      const servo = await dryRun.open(options, context);
      const commands: SafeCommand[] = [];
      told.set(context.id, { options, commands });
      return {
        ...servo,
        write(frame, command) {
          commands.push(command);
          servo.write(frame, command);
        },
      };
    },
  });
  const document = parse(readFileSync(resolve(root, "pipelines", `${name}.yaml`), "utf8"));
  if (eye) document.stages[0] = { id: document.stages[0].id, ...eye };
  const catalog = catalogWith(anyOptions(watched), ...definitions);
  const ran = await runText(JSON.stringify(document), { catalog, ...choices });
  const servos = new Map(
    [...told].map(([id, { options, commands }]) => [id, { angles: () => replay(options, commands) }]),
  );
  return { ...ran, servos };
}

function replay(options: ServoOptions, commands: readonly SafeCommand[]): (atUs: number) => number {
  const servo = simulateServo(options);
  let next = 0;
  return (atUs) => {
    for (; next < commands.length && commands[next]!.atUs <= atUs; next++) servo.tell(commands[next]!);
    return servo.at(atUs).angleDeg!;
  };
}
