/** `reflexarc input ... filter ... output ...`: a pipeline in the words of the command line, run or printed as a document. */

import { Document, type Node, visit } from "yaml";
import { runPipeline } from "../pipeline/run.ts";
import { readWords } from "../pipeline/words.ts";
import { finish, progressBar, readSpeed } from "./run.ts";
import { catalog, endingSignals, environmentOf, openWords } from "./world.ts";

const settings = {
  "print-yaml": "flag",
  json: "flag",
  strict: "flag",
  live: "flag",
  arm: "flag",
  speed: "value",
} as const;

export async function pipe(words: readonly string[]): Promise<void> {
  const { document, settings: chosen } = readWords(words, catalog, { settings });
  const opened = openWords(document, "command line");
  if (chosen["print-yaml"]) {
    process.stdout.write(asYaml(document.value));
    return;
  }
  const [json, live, arm] = [chosen.json === true, chosen.live === true, chosen.arm === true];
  const speed = readSpeed({ live, arm, ...(typeof chosen.speed === "string" && { speed: chosen.speed }) });
  const bar = json || !process.stderr.isTTY ? undefined : await progressBar();
  try {
    const summary = await runPipeline(
      opened.plan,
      environmentOf(opened, {
        speed,
        live,
        arm,
        strict: chosen.strict === true,
        signal: endingSignals().signal,
        ...(bar && { onProgress: bar.show }),
      }),
    );
    bar?.stop();
    finish(summary, json);
  } finally {
    bar?.stop();
  }
}

/** A stage a line, as the bundled documents are written. */
function asYaml(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Seq: (_, list) => {
      for (const item of list.items) (item as Node & { flow?: boolean }).flow = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}
