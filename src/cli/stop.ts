/** `reflexarc stop`: the emergency stop of every live run, or of one. */

import type { ReflexarcError } from "../errors.ts";
import { ask, findTargets, type Reply, type Target } from "./control-client.ts";

export interface StopOptions {
  run?: string;
  control?: string;
  json?: boolean;
}

/** Asks all runs before it tells of any that did not answer. */
export async function stop(options: StopOptions): Promise<void> {
  const targets = await findTargets(options);
  const asked = await Promise.allSettled(targets.map((target) => ask(target, "/stop", {})));
  const stopped = targets.flatMap((target, i) => {
    const result = asked[i]!;
    return result.status === "fulfilled" ? [{ target, reply: result.value }] : [];
  });
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ stopped: stopped.map(({ target }) => target.name) }, null, 2)}\n`,
    );
  else for (const { target, reply } of stopped) process.stdout.write(`${toldOf(target, reply)}\n`);
  const failed = asked.find((result) => result.status === "rejected");
  if (failed) throw failed.reason as ReflexarcError;
}

function toldOf({ name }: Target, { run }: Reply): string {
  const what = run ? ` (${run.document})` : "";
  return `${name}${what} is emergency-stopped; \`reflexarc arm --reset\` ends that.`;
}
