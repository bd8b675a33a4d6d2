/** Compares a trace with a new run of what it names, and tells the first difference in words. */

/** The first difference between two traces. */
export interface Difference {
  /** Line of the trace, counted from 1. */
  line: number;
  /** What differs, in one sentence with stage, time and the two values. */
  what: string;
}

type Json = Record<string, unknown>;

/** Takes the lines of a new run one by one and compares each with the trace's. */
export class TraceComparison {
  readonly #expected: Iterator<string>;
  #line = 0;
  #difference: Difference | undefined;

  constructor(expectedLines: Iterable<string>) {
    this.#expected = expectedLines[Symbol.iterator]();
  }

  get difference(): Difference | undefined {
    return this.#difference;
  }

  get linesCompared(): number {
    return this.#line;
  }

  add(actual: string): void {
    if (this.#difference) return;
    this.#line += 1;
    const next = this.#expected.next();
    if (next.done) this.#differ(`the run goes on after the trace's end: ${describe(parse(actual))}`);
    else if (next.value !== actual) this.#differ(describeDifference(next.value, actual));
  }

  /** The run has ended; what is left of the trace is a difference. */
  end(): Difference | undefined {
    if (!this.#difference) {
      const next = this.#expected.next();
      this.#line += 1;
      if (!next.done)
        this.#differ(`the run ends before the trace does: ${describe(parse(next.value))} is missing`);
      else this.#line -= 1;
    }
    return this.#difference;
  }

  #differ(what: string): void {
    this.#difference = { line: this.#line, what };
  }
}

/** Says how two lines of a trace differ. */
export function describeDifference(expectedLine: string, actualLine: string): string {
  const expected = parse(expectedLine);
  const actual = parse(actualLine);
  if (!expected) return "this line of the trace is not JSON";
  if (!actual) return "the run's line is not JSON";
  if (expected.wall === true) {
    return `${describe(expected)} came from the wall clock: a replay can't repeat it. The run was late or stalled there`;
  }
  if (byOperator(expected) && expected.guard !== actual.guard)
    return `${describe(expected)} was asked for by an operator (${expected.cause}): a replay asks for nothing`;
  if (expected.stage !== actual.stage)
    return `the trace has ${describe(expected)}, the run has ${describe(actual)}`;
  const place = expected.stage === undefined ? "the header" : describe(expected);
  if (expected.atUs !== actual.atUs)
    return `${place}: the time is ${expected.atUs} us in the trace and ${actual.atUs} us in the run`;
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const told = differenceOf(key, expected[key], actual[key]);
    if (told) return `${place}: ${told}`;
  }
  return `${place}: the same values are written in another way`;
}

/** The arming at the start is the run's own: `--arm` repeats it. */
function byOperator({ guard, cause }: Json): boolean {
  const requests: readonly unknown[] = ["arm", "disarm", "emergency-stop", "reset-emergency-stop"];
  return guard !== undefined && requests.includes(cause);
}

function differenceOf(key: string, expected: unknown, actual: unknown): string | undefined {
  if (JSON.stringify(expected) === JSON.stringify(actual)) return undefined;
  if (key === "wire" && typeof expected === "string" && typeof actual === "string") {
    const at = firstUnequal(expected.match(/../g) ?? [], actual.match(/../g) ?? []);
    const byte = (hex: string) =>
      hex.slice(2 * at, 2 * at + 2) ? `0x${hex.slice(2 * at, 2 * at + 2)}` : "absent";
    return `motor byte ${at} is ${byte(expected)} in the trace and ${byte(actual)} in the run`;
  }
  if (key === "spikes" && Array.isArray(expected) && Array.isArray(actual)) {
    const at = firstUnequal(expected.map(String), actual.map(String));
    const spike = (list: unknown[]) =>
      Array.isArray(list[at]) ? `address ${list[at][1]} at ${list[at][0]} us` : "absent";
    return `event ${at} of the window is ${spike(expected)} in the trace and ${spike(actual)} in the run`;
  }
  if (key === "samples" && Array.isArray(expected) && Array.isArray(actual)) {
    const at = firstUnequal(expected.map(String), actual.map(String));
    const sample = (list: unknown[]) => {
      const [timeUs, ...values] = Array.isArray(list[at]) ? list[at] : [];
      return timeUs === undefined ? "absent" : `${values.join(", ")} at ${timeUs} us`;
    };
    return `sample ${at} of the window is ${sample(expected)} in the trace and ${sample(actual)} in the run`;
  }
  if (key === "files" && Array.isArray(expected) && Array.isArray(actual)) {
    const at = firstUnequal(
      expected.map((file) => JSON.stringify(file)),
      actual.map((file) => JSON.stringify(file)),
    );
    return `the file ${(expected[at] ?? actual[at])?.file} has changed since the trace was written`;
  }
  if (key === "sha256") return "the document has changed since the trace was written";
  return `${key} is ${JSON.stringify(expected)} in the trace and ${JSON.stringify(actual)} in the run`;
}

function firstUnequal(a: readonly string[], b: readonly string[]): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

function describe(record: Json | undefined): string {
  if (!record) return "a line that is not JSON";
  const kind =
    ["wire", "spikes", "samples", "digest", "command", "guard", "angleDeg"].find((key) => key in record) ??
    "record";
  return `${kind} of "${record.stage}" at ${record.atUs} us`;
}

function parse(line: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
