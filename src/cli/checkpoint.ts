/** The checkpoint of a training: a file that is replaced whole after each epoch, and belongs to one training alone. */

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { ReflexarcError } from "../errors.ts";
import type { TrainerState } from "../learning/index.ts";
import type { Judged } from "./train-rules.ts";

/** How far a training has come: folds that are judged, and the state of the one at work. */
export interface Checkpoint {
  readonly verdicts: readonly Judged[];
  readonly trainer: TrainerState | undefined;
}

export interface CheckpointFile {
  /** What an earlier run left, if it was a run of the same training. Throws a ReflexarcError if it was another's. */
  read(): Checkpoint | undefined;
  /** A kill at any moment leaves the last checkpoint or this one. */
  write(checkpoint: Checkpoint): void;
  remove(): void;
}

const mark = "reflexarc checkpoint 1";

/** `identity` is a digest of all that decides the training's result. */
export function checkpointFile(path: string, identity: string): CheckpointFile {
  const next = `${path}.next`;
  return {
    read() {
      if (!existsSync(path)) return undefined;
      const content = contentOf(path);
      if (content?.mark !== mark) throw refused("this is no checkpoint", path);
      if (content.identity !== identity) throw refused("this is the checkpoint of another training", path);
      return content.checkpoint;
    },
    write(checkpoint) {
      writeFileSync(next, serialize({ mark, identity, checkpoint }));
      renameSync(next, path);
    },
    remove() {
      rmSync(path, { force: true });
      rmSync(next, { force: true });
    },
  };
}

function contentOf(path: string): { mark: string; identity: string; checkpoint: Checkpoint } | undefined {
  try {
    return deserialize(readFileSync(path)) as ReturnType<typeof contentOf>;
  } catch {
    return undefined;
  }
}

function refused(what: string, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: "train",
    what,
    where,
    remedy: "Remove it to start anew, or name another file with --checkpoint.",
  });
}
