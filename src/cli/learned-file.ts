/** The file for what a run's network learns: there at the end, or as it was before. */

import { existsSync } from "node:fs";
import { AtomicFile } from "../../drivers/atomic-file.ts";
import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import { isLearned } from "../network/index.ts";
import type { OpenDocument } from "./world.ts";

export interface LearnedFile {
  /** Takes what a stage learnt. */
  readonly keep: (stage: string, learned: string) => void;
  /** Gives the file its name. Throws a ReflexarcError where nothing learnt, or several did. */
  end(): Promise<void>;
  /** After `end` of no effect. */
  discard(): Promise<void>;
}

/** It replaces a file of its own kind (a network learns on from where it was), and nothing else. */
export async function openLearned(path: string, { plan }: OpenDocument): Promise<LearnedFile> {
  const overwrite = existsSync(path) && isLearned(readTextFile(path, "run"));
  const file = await new AtomicFile(path, { overwrite }).open();
  const refused = (what: string) =>
    new ReflexarcError({
      kind: "usage",
      room: "run",
      what,
      where: plan.name,
      remedy: "--learned needs one core whose network has `plasticity`, switched on.",
    });
  const kept: string[] = [];
  let ended = false;
  return {
    keep(_, learned) {
      kept.push(learned);
    },
    async end() {
      const [learned, second] = kept;
      if (learned === undefined) throw refused("nothing in it learnt");
      if (second !== undefined) throw refused(`${kept.length} networks learnt`);
      file.write(Buffer.from(learned));
      ended = true;
      await file.end();
    },
    async discard() {
      if (!ended) await file.discard();
    },
  };
}
