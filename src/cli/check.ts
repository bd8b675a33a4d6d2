/** `reflexarc check`: says what is wrong in a document, without running it. */

import { openDocument } from "./world.ts";

export async function check(path: string, options: { set: string[]; json?: boolean }): Promise<void> {
  const { plan } = openDocument(path, options.set);
  const stages = plan.nodes.map(({ id, definition, from }) => ({ id, use: definition.name, from }));
  if (options.json) {
    process.stdout.write(JSON.stringify({ document: path, about: plan.about, stages }, null, 2) + "\n");
    return;
  }
  process.stdout.write(`${path} is fine: ${stages.length} stages.\n`);
  for (const { id, use, from } of stages)
    process.stdout.write(`  ${id} (${use})${from.length > 0 ? ` <- ${from.join(", ")}` : ""}\n`);
}
