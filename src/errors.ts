/** Errors that a user can act on: what went wrong, where, and the remedy; each kind has its exit code. */

/** Exit codes of the command line, by kind of failure (0 is success). */
export const exitCodes = {
  /** A wrong option, an unknown name, a document that cannot be used. */
  usage: 2,
  /** A recording or other input that is damaged, cut or not what it says. */
  input: 3,
  /** Data was lost to a bound or to a repair. */
  lost: 4,
  /** A device, port or broker is missing or went away. */
  device: 5,
  /** The guard is gone; nothing may move. */
  guard: 70,
} as const;

export type ErrorKind = keyof typeof exitCodes;

export interface ErrorDetail {
  /** Decides the exit code. */
  kind: ErrorKind;
  /** The room or stage that speaks, for example `aedat4` or `pan`. */
  room: string;
  /** What went wrong, in one clause without a full stop. */
  what: string;
  /** Where: a file and byte, a document and line, a port. */
  where?: string;
  /** What the user can do about it: one sentence. */
  remedy?: string;
  /** Further mistakes found in the same go. */
  also?: readonly ErrorDetail[];
}

/** The one error that reaches a user. Its message reads `[room] what (where). Remedy.` */
export class ReflexarcError extends Error {
  override readonly name = "ReflexarcError";
  readonly detail: ErrorDetail;

  constructor(detail: ErrorDetail, options?: ErrorOptions) {
    super(
      `[${detail.room}] ${detail.what}${detail.where ? ` (${detail.where})` : ""}.${detail.remedy ? ` ${detail.remedy}` : ""}`,
      options,
    );
    this.detail = detail;
  }

  get exitCode(): number {
    return exitCodes[this.detail.kind];
  }
}

/** The nearest of `names` to a misspelt `word`, or undefined when none is near (Levenshtein distance above half its length). */
export function nearestName(word: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 2)) + 1;
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change);
    }
    row = next;
  }
  return row[b.length]!;
}
