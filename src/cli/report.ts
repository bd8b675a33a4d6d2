/** Prints an error for a person, or as JSON, and answers its exit code. */

import { type ErrorDetail, ReflexarcError } from "../errors.ts";

export function reportError(error: unknown, asJson: boolean): number {
  if (error instanceof ReflexarcError) {
    const details = [error.detail, ...(error.detail.also ?? [])];
    if (asJson) process.stdout.write(JSON.stringify({ errors: details.map(withoutOthers) }, null, 2) + "\n");
    else for (const detail of details) process.stderr.write(new ReflexarcError(detail).message + "\n");
    return error.exitCode;
  }
  const what = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `[reflexarc] this should not have happened: ${what}. Please report it; REFLEXARC_DEBUG=1 shows where.\n`,
  );
  if (process.env.REFLEXARC_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

export function withoutOthers({ kind, room, what, where, remedy }: ErrorDetail): object {
  return { kind, room, what, where, remedy };
}
