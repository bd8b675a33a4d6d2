/** `reflexarc check`: says what is wrong in a document, its networks and its files, without running it. */

import { tryPipeline } from "../pipeline/run.ts";
import { environmentOf, openDocument } from "./world.ts";

export async function check(path: string, options: { set: string[]; json?: boolean }): Promise<void> {
  const document = openDocument(path, options.set);
  const { plan } = document;
  const signal = new AbortController().signal;
  const whole = await tryPipeline(plan, environmentOf(document, { speed: "max", signal }));
  const stages = plan.nodes.map(({ id, definition, from }) => ({ id, use: definition.name, from }));
  if (options.json) {
    process.stdout.write(
      JSON.stringify({ document: path, about: plan.about, whole, stages }, null, 2) + "\n",
    );
    return;
  }
  const rest = whole
    ? ""
    : " Its live source was not opened, so sizes and networks are checked when it runs.";
  process.stdout.write(`${path} is fine: ${stages.length} stages.${rest}\n`);
  for (const { id, use, from } of stages)
    process.stdout.write(`  ${id} (${use})${from.length > 0 ? ` <- ${from.join(", ")}` : ""}\n`);
}
