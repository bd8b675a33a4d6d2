/** Samples through the pipeline: a sensor that gives them, an encoder that takes them, and what the document refuses. */

import { from, lastValueFrom, map, toArray } from "rxjs";
import { expect, test } from "vitest";
import { z } from "zod";
import { virtualClock } from "../../src/clock.ts";
import { channels, neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { copySamples, Samples } from "../../src/events/samples.ts";
import { facesOf } from "../../src/library.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import { TraceComparison } from "../../src/pipeline/verify.ts";
import { anyOptions, channelsIn, defineSensor, defineStage } from "../../src/stage.ts";
import { eventsOf } from "../support/packets.ts";
import { cutSamples, ratedSamples } from "../support/samples.ts";
import { stageContract } from "../support/stage-contract.ts";
import { catalogWith, type RunChoices, runText } from "../support/world.ts";

/** A spike of a channel whenever its value is `step` away from where it last spiked. */
const sendOnDelta = defineStage({
  name: "send-on-delta",
  about: "Spikes where a value has moved.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({ step: z.number().positive().default(0.25).describe("how far it must move") }),
  create({ step }, context) {
    const { channels: signals } = channelsIn(context);
    const geometry = neurons(1, 1, signals.length);
    const out = new Packet(geometry);
    const last = new Float64Array(signals.length);
    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++)
          for (let channel = 0; channel < last.length; channel++) {
            const value = samples.columns[channel]![i]!;
            if (!(Math.abs(value - last[channel]!) >= step)) continue;
            last[channel] = value;
            out.push(Math.floor(samples.timeUs(i)), channel);
          }
        return out;
      },
    };
  },
});
/** What comes, half as loud. */
const halve = defineStage({
  name: "halve",
  about: "Halves every value.",
  takes: "samples",
  gives: "samples",
  options: z.strictObject({}),
  create(_, context) {
    const out = new Samples(channelsIn(context));
    return (samples) => {
      out.take(samples, 0);
      for (const column of out.columns) for (let i = 0; i < out.count; i++) column[i] = column[i]! / 2;
      return out;
    };
  },
});

const stereo = channels(["left", "right"], { rateHz: 11_025 });
stageContract([anyOptions(sendOnDelta), anyOptions(halve)], {
  "send-on-delta": [{}, { geometry: channels(["a", "b"]) }, { geometry: stereo }],
  halve: [{}, { geometry: stereo }],
});

function tone(originUs: number, seconds: number): Samples {
  const count = Math.floor(11_025 * seconds);
  const left = Float32Array.from({ length: count }, (_, i) => Math.sin(i / 20));
  return ratedSamples(stereo, [left, left.map((value) => value * value)], originUs);
}

/** A sensor that gives a tone in pieces of at most 10 ms. */
function ears(cutsUs: readonly number[]) {
  return defineSensor({
    name: "ears",
    about: "A tone in two ears.",
    gives: "samples",
    live: false,
    options: z.strictObject({ startUs: z.int().default(0).describe("when it begins, microseconds") }),
    async open({ startUs }) {
      const gridUs = Array.from({ length: 50 }, (_, i) => startUs + 10_000 * i);
      async function* packets() {
        yield* cutSamples(tone(startUs, 0.5), [...gridUs, ...cutsUs]);
      }
      return { geometry: stereo, packets: packets() };
    },
  });
}

const catalog = (cutsUs: readonly number[] = []) =>
  catalogWith(anyOptions(ears(cutsUs)), anyOptions(sendOnDelta), anyOptions(halve));
const document = `stages:
  - { id: ears, use: ears }
  - { id: soft, use: halve }
  - { id: spikes, use: send-on-delta }
  - { id: turn, use: population-vector, firstDeg: 0, lastDeg: 90 }
  - { id: pan, use: dry-run, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`;
const runTone = (choices: RunChoices & { cutsUs?: number[] } = {}) =>
  runText(document, { catalog: catalog(choices.cutsUs), ...choices });

test("samples run to the servo, counted, and any cut gives the same trace", async () => {
  const whole = await runTone();
  expect(whole.summary.exitCode).toBe(0);
  expect(whole.summary.samplesIn).toBe(Math.floor(11_025 / 2));
  expect(whole.summary.eventsIn).toBe(0);
  expect(whole.summary.commands).toBeGreaterThan(10);
  expect(whole.trace.some((line) => /"stage":"ears","samples":\d+,"digest":"[0-9a-f]{16}"/.test(line))).toBe(
    true,
  );
  expect((await runTone({ cutsUs: [1, 777, 12_345, 300_001] })).trace).toEqual(whole.trace);
});

test.each(["digest", "list"] as const)("a trace with a %s names the first other sample", async (detail) => {
  const { trace } = await runTone({ detail });
  const again = new TraceComparison(trace);
  for (const line of (await runTone({ detail })).trace) again.add(line);
  expect(again.end()).toBeUndefined();
  const other = new TraceComparison(trace);
  const louder = anyOptions({
    ...halve,
    create: () => ({ step: (samples: Samples) => copySamples(samples) }),
  });
  const changed = await runText(document, { detail, catalog: new Map([...catalog(), ["halve", louder]]) });
  for (const line of changed.trace) other.add(line);
  expect(other.end()?.what).toContain('of "soft" at 10000 us');
  if (detail === "list") expect(other.end()?.what).toMatch(/sample 1 of the window is 0\.02\S+, /);
});

test("a source that begins later ticks until it does, and recordings start together", async () => {
  const { summary, trace } = await runText(
    `stages:
  - { id: ears, use: ears }
  - { id: late, use: ears, startUs: 200000 }
  - { id: first, use: send-on-delta, from: ears }
  - { id: second, use: send-on-delta, from: late }
  - { id: turn, use: population-vector, firstDeg: 0, lastDeg: 90, from: [first, second] }
  - { id: pan, use: dry-run, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`,
    { catalog: catalog() },
  );
  expect(summary.exitCode).toBe(0);
  expect(summary.durationUs).toBeGreaterThan(690_000);
  const stages = trace.slice(1).map((line) => (JSON.parse(line) as { stage: string }).stage);
  expect(new Set(stages)).toEqual(new Set(["ears", "late", "first", "second", "turn", "pan"]));
});

test.each([
  [
    "a core",
    "  - { id: brain, use: core, network: follow-network.yaml }",
    /takes spikes, but "ears" \(ears\) gives samples.*Put one of these between them: .*send-on-delta/s,
  ],
  [
    "a filter of events",
    "  - { id: quiet, use: refractory, periodUs: 9 }",
    /takes events, but "ears".*gives samples/s,
  ],
  [
    "a sink of packets",
    "  - { id: out, use: view, file: x.png }",
    /takes packets, but "ears".*gives samples/s,
  ],
  [
    "two of them merged",
    "  - { id: more, use: ears }\n  - { id: both, use: send-on-delta, from: [ears, more] }",
    /takes from 2 stages, but samples can't be merged.*an encoder of its own/s,
  ],
  [
    "camera events",
    "  - { id: eye, use: recording, file: x.aedat4 }\n  - { id: spikes, use: send-on-delta }",
    /takes samples, but "eye" \(recording\) gives events/s,
  ],
])("a document is refused where samples meet %s", (_, line, message) => {
  expect(() =>
    readDocument(`stages:\n  - { id: ears, use: ears }\n${line}\n`, "document", catalog()),
  ).toThrow(message);
});

test("the library lifts sensors and stages of samples", async () => {
  const world = { clock: virtualClock(), readText: () => "", resolvePath: (path: string) => path };
  const faces = facesOf({ ears: ears([100_000]), sendOnDelta, halve }, world);
  const encode = faces.sendOnDelta({ step: 0.1 });
  const spikes = await lastValueFrom(
    faces.ears({}).pipe(
      faces.halve({}),
      encode,
      map((packet) => eventsOf(packet)),
      toArray(),
    ),
  );
  expect(spikes.length).toBe(50);
  expect(spikes.flat().length).toBeGreaterThan(100);
  const [whole] = await lastValueFrom(from([tone(0, 0.5)]).pipe(faces.halve({}), encode, toArray()));
  expect(whole!.geometry).toEqual(neurons(1, 1, 2));
  expect(eventsOf(whole!)).toEqual(spikes.flat());
});
