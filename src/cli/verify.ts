/** `reflexarc verify`: runs again what a trace's header names, and tells the first difference. */

import { closeSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import type { Plan } from "../pipeline/document.ts";
import { runPipeline } from "../pipeline/run.ts";
import { TraceComparison } from "../pipeline/verify.ts";
import { withoutOthers } from "./report.ts";
import { progressBar } from "./run.ts";
import { isScreen } from "./terminal.ts";
import { endingSignals, environmentOf, openDocument, traceHeader } from "./world.ts";

const headerShape = z.looseObject({
  document: z.string(),
  set: z.array(z.string()),
  detail: z.enum(["digest", "list"]),
  live: z.boolean(),
  arm: z.boolean(),
});

export async function verify(path: string, options: { json?: boolean }, version: string): Promise<void> {
  const { document: name, set, detail, live, arm } = readHeader(path);
  const document = openDocument(name, set);
  refuseLive(document.plan, path);
  if (live) refuseFelt(document.plan, path);
  const comparison = new TraceComparison(linesOf(path));
  const bar = options.json || !isScreen(process.stderr) ? undefined : await progressBar();
  const ending = endingSignals();
  const trace = {
    write: (line: string) => comparison.add(line),
    header: traceHeader(document, { set, traceDetail: detail, live, arm }, version),
    detail,
  };
  const environment = environmentOf(document, {
    speed: "max",
    // A live run is repeated without its devices: they were armed, or not, by whoever ran it.
    rehearsal: live,
    arm,
    signal: ending.signal,
    trace,
    ...(bar && { onProgress: bar.show }),
  });
  // Nothing is written again: a sink gives nothing to the trace.
  const plan = { ...document.plan, nodes: document.plan.nodes.filter(({ kind }) => kind !== "sink") };
  const summary = await runPipeline(plan, environment).finally(() => bar?.stop());
  if (ending.signal.aborted) {
    const what = `the comparison was interrupted after ${comparison.linesCompared} lines`;
    throw new ReflexarcError({ kind: "usage", room: "verify", what, where: path, remedy: "Run it again." });
  }
  const difference = comparison.end();
  const lines = comparison.linesCompared;
  if (options.json) {
    process.stdout.write(
      JSON.stringify(
        {
          trace: path,
          document: name,
          same: !difference,
          lines,
          difference: difference ?? null,
          errors: summary.errors.map(({ detail }) => withoutOthers(detail)),
        },
        null,
        2,
      ) + "\n",
    );
  } else if (difference) {
    process.stdout.write(`${path} differs at line ${difference.line}: ${difference.what}.\n`);
  } else {
    process.stdout.write(`${path} is the same, byte for byte: ${lines} lines of ${name}.\n`);
    for (const { message } of summary.errors) process.stderr.write(`both runs say: ${message}\n`);
  }
  process.exitCode = difference ? 3 : summary.exitCode;
}

/** The present does not come again. */
function refuseLive({ nodes }: Plan, where: string): void {
  const live = nodes.find(
    ({ kind, definition }) => kind === "sensor" && "live" in definition && definition.live,
  );
  if (!live) return;
  throw new ReflexarcError({
    kind: "usage",
    room: "verify",
    what: `"${live.id}" (${live.definition.name}) was a live source, which gives something else each time`,
    where,
    remedy: "Record it with a file sink, and verify a trace of that recording.",
  });
}

/** What a real motor told of itself went into the network: no rehearsal knows it. */
function refuseFelt({ nodes }: Plan, where: string): void {
  const felt = nodes.find(
    (node) =>
      node.kind === "sensor" &&
      nodes.some(
        (other) =>
          other.kind === "actuator" &&
          !other.definition.selfArming &&
          other.id === node.definition.readsBack?.(node.options).of,
      ),
  );
  if (!felt) return;
  throw new ReflexarcError({
    kind: "usage",
    room: "verify",
    what: `"${felt.id}" read back a real motor, which tells something else each time`,
    where,
    remedy: "Verify a trace of a dry run.",
  });
}

function readHeader(path: string): z.output<typeof headerShape> {
  const refuse = (what: string, remedy: string, cause?: unknown) =>
    new ReflexarcError({ kind: "usage", room: "verify", what, where: `${path}:1`, remedy }, { cause });
  const [first] = linesOf(path);
  let value: unknown;
  try {
    value = JSON.parse(first ?? "");
  } catch (cause) {
    throw refuse(
      "the first line is no trace header",
      "Write one with `reflexarc run DOCUMENT --trace FILE`.",
      cause,
    );
  }
  const header = headerShape.safeParse(value);
  if (!header.success)
    throw refuse("the header doesn't name what was run", "Write the trace again with this version.");
  return header.data;
}

/** The lines of a file, read as they are asked for. */
function* linesOf(path: string): Generator<string> {
  const orRefuse = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      const what = `the trace can't be read: ${(cause as NodeJS.ErrnoException).code}`;
      throw new ReflexarcError(
        { kind: "usage", room: "verify", what, where: path, remedy: "Name a file that `run --trace` wrote." },
        { cause },
      );
    }
  };
  const file = orRefuse(() => openSync(path, "r"));
  try {
    const chunk = Buffer.alloc(1 << 16);
    let rest: Buffer = Buffer.alloc(0);
    const read = () => orRefuse(() => readSync(file, chunk));
    for (let length = read(); length > 0; length = read()) {
      let text = Buffer.concat([rest, chunk.subarray(0, length)]);
      for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
        yield text.toString("utf8", 0, end);
        text = text.subarray(end + 1);
      }
      rest = text;
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    closeSync(file);
  }
}
