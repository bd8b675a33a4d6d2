/** `reflexarc teach`: a span of a document's spikes becomes the pattern that its detector `template` finds again. */

import { z } from "zod";
import { AtomicFile } from "../../drivers/atomic-file.ts";
import { ReflexarcError } from "../errors.ts";
import { sizeOf } from "../events/geometry.ts";
import type { Plan, StageNode } from "../pipeline/document.ts";
import { runPipeline } from "../pipeline/run.ts";
import { microsecondsOf } from "../pipeline/words.ts";
import { anyOptions, defineStage } from "../stage.ts";
import { type Pattern, PatternTaker, patternUsMax, writePattern } from "../wake/pattern.ts";
import { endingSignals, environmentOf, openDocument } from "./world.ts";

export interface TeachOptions {
  readonly from: string;
  readonly to: string;
  readonly out: string;
  readonly of?: string;
  readonly force?: boolean;
  readonly set: string[];
  readonly json?: boolean;
}

/** What the example's stage has told so far. */
interface Lesson {
  /** When the run began, packet time. */
  startUs: number;
  reachedUs: number;
  neurons: number;
  taker: PatternTaker | undefined;
}

/** Runs only what the stage depends on, as far as the example's end. Throws a ReflexarcError and leaves no file when there is none. */
export async function teach(path: string, options: TeachOptions): Promise<void> {
  const { from, to, out, set, of, force = false } = options;
  const fromUs = timeOf(from, "--from");
  const toUs = timeOf(to, "--to");
  if (toUs <= fromUs)
    throw refused(`--to ${to} is not after --from ${from}`, "Name the example's beginning first.");
  if (toUs - fromUs > patternUsMax)
    throw refused(
      `an example of ${(toUs - fromUs) / 1e6} s is too long`,
      `A pattern has at most ${patternUsMax / 1e6} s.`,
    );
  const document = openDocument(path, set);
  const feeds = feedsOf(document.plan, of, path);
  const file = await new AtomicFile(out, { overwrite: force }).open();
  try {
    const lesson: Lesson = { startUs: Number.NaN, reachedUs: 0, neurons: 0, taker: undefined };
    const enough = endingSignals();
    const listener = listen(lesson, { fromUs, toUs }, () => enough.abort());
    const { errors } = await runPipeline(
      lessonPlan(document.plan, feeds, listener),
      environmentOf(document, { speed: "max", signal: enough.signal }),
    );
    if (errors[0]) throw errors[0];
    if (!lesson.taker || lesson.reachedUs <= fromUs)
      throw refused(
        `there is nothing at ${from}: all ends after ${(lesson.reachedUs / 1e6).toFixed(2)} s`,
        "Name a span within the recording.",
      );
    const pattern = lesson.taker.pattern(
      `${from} to ${to} of ${feeds.join(" and ")} in ${path}`,
      lesson.neurons,
    );
    file.write(Buffer.from(writePattern(pattern)));
    await file.end();
    tell(out, pattern, options.json ?? false);
  } catch (cause) {
    await file.discard();
    throw cause;
  }
}

/** The stages whose spikes are the example: what a template takes from, or the one that was named. */
function feedsOf({ nodes }: Plan, of: string | undefined, where: string): readonly string[] {
  const templates = nodes.filter(({ definition }) => definition.name === "template");
  const [only, second] = templates;
  const named = of === undefined ? only : nodes.find(({ id }) => id === of);
  if (of === undefined && (!only || second))
    throw refused(
      `the document has ${templates.length === 0 ? "no template" : `${templates.length} templates`}`,
      "Say --of: a template of the document, or the stage whose spikes are to be the pattern.",
      where,
    );
  if (named && templates.includes(named)) return named.from;
  if (named?.kind !== "stage" || named.definition.gives !== "spikes")
    throw refused(`no stage "${of}" gives spikes`, "Name an encoder, a core or a detector.", where);
  return [named.id];
}

/** Only what the feeds depend on, and the listener behind them: no actuator, and no template that has no pattern yet. */
function lessonPlan(plan: Plan, feeds: readonly string[], definition: StageNode["definition"]): Plan {
  const needed = new Set(feeds);
  for (const { id, from } of [...plan.nodes].reverse())
    if (needed.has(id)) for (const feed of from) needed.add(feed);
  const nodes = plan.nodes.filter(({ id }) => needed.has(id));
  const last = nodes.at(-1)!;
  const listener: StageNode = {
    ...{ kind: "stage", id: "example", index: plan.nodes.length, from: feeds, where: last.where },
    ...{ definition, options: {} },
  };
  return { ...plan, nodes: [...nodes, listener] };
}

/** Takes the spikes of a span that is counted from the run's beginning; `over` is called when it has passed. */
function listen(lesson: Lesson, { fromUs, toUs }: { fromUs: number; toUs: number }, over: () => void) {
  return anyOptions(
    defineStage({
      name: "example",
      about: "Keeps a span of spikes.",
      takes: "spikes",
      gives: "spikes",
      takesHeldBack: true,
      options: z.strictObject({}),
      create: (_, { geometry }) => {
        lesson.neurons = geometry.kind === "neurons" ? sizeOf(geometry) : 0;
        return (packet) => {
          if (!lesson.taker) {
            lesson.startUs = packet.fromUs;
            lesson.taker = new PatternTaker(packet.fromUs + fromUs, packet.fromUs + toUs);
          }
          lesson.taker.take(packet);
          lesson.reachedUs = packet.toUs - lesson.startUs;
          if (lesson.reachedUs >= toUs) over();
          return packet;
        };
      },
    }),
  );
}

function timeOf(text: string, option: string): number {
  const us = microsecondsOf(text);
  if (us === undefined) throw refused(`${option} ${text} is no time`, "Write it with its unit: 2s, 250ms.");
  return us;
}

function tell(file: string, { spikes, neurons, spanUs }: Pattern, json: boolean): void {
  const heard = new Set(spikes.map(([, neuron]) => neuron)).size;
  const told = { file, spikes: spikes.length, neurons: heard, of: neurons, spanUs };
  process.stdout.write(
    json
      ? `${JSON.stringify(told, null, 2)}\n`
      : `${file}: ${spikes.length} spikes of ${heard} neurons (of ${neurons}) within ${(spanUs / 1000).toFixed(0)} ms\n`,
  );
}

function refused(what: string, remedy: string, where?: string): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: "teach",
    what,
    remedy,
    ...(where !== undefined && { where }),
  });
}
