/** The microphone: the program that is there, its words, its end and its return. */

import { expect, test } from "vitest";
import microphone, { argumentsOf, openMicrophone, type Recorder } from "../../drivers/microphone.ts";
import { ReflexarcError } from "../../src/errors.ts";
import { collectSamples, liveContext, pass, samplesOfAll, turn } from "../support/live.ts";

/** A child that says what it is told to. */
class FakeRecorder implements Recorder {
  stopped = false;
  readonly #pieces: Uint8Array[] = [];
  #over = false;
  #wake = () => {};
  #end: (why: string | undefined) => void = () => {};
  readonly ended = new Promise<string | undefined>((resolve) => {
    this.#end = resolve;
  });
  readonly bytes = this.#read();

  say(samples: number): void {
    this.#pieces.push(Buffer.alloc(2 * samples, 1));
    this.#wake();
  }

  end(why?: string): void {
    this.#over = true;
    this.#end(why);
    this.#wake();
  }

  stop(): void {
    this.stopped = true;
    this.end();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) yield piece;
      else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

const given = (more: object = {}) => microphone.options.parse({ rateHz: 16_000, ...more });

/** Starts fake children; `first` says what each program does at once. */
function programs(first: Record<string, (child: FakeRecorder) => void>) {
  const started: { program: string; args: readonly string[]; child: FakeRecorder }[] = [];
  const start = (program: string, args: readonly string[]) => {
    const child = new FakeRecorder();
    started.push({ program, args, child });
    (first[program] ?? ((one: FakeRecorder) => one.end("ENOENT")))(child);
    return child;
  };
  return { start, started };
}

test("says what it is, and what each option means", () => {
  expect(microphone).toMatchObject({ name: "microphone", gives: "samples", live: true });
  for (const option of Object.values(microphone.options.shape)) expect(option.description).toMatch(/\w/);
});

test("the first program that gives sound is taken, and is heard to its end", async () => {
  const context = liveContext("ears");
  const { start, started } = programs({
    arecord: (child) => child.end("audio open error: No such file or directory"),
    "pw-record": (child) => child.say(160),
  });
  const sensor = await openMicrophone(given({ channels: 1 }), context, start);
  expect(started.map(({ program }) => program)).toEqual(["arecord", "pw-record"]);
  expect(context.notices).toEqual(["ears: pw-record records"]);
  const { batches, ended } = collectSamples(sensor.packets);
  for (let i = 0; i < 10; i++) {
    started[1]!.child.say(160);
    await pass(context.clock, 10_000);
  }
  expect(samplesOfAll(batches).length).toBe(11 * 160);
  context.ending.abort();
  await ended;
  await turn();
  expect(started[1]!.child.stopped).toBe(true);
});

test("a program that ends is started again, ever more slowly, and the run is told meanwhile", async () => {
  const context = liveContext();
  let dead = false;
  const { start, started } = programs({
    arecord: (child) => (dead ? child.end("no such device") : child.say(160)),
  });
  const sensor = await openMicrophone(given({ program: "arecord" }), context, start);
  const { batches, ended } = collectSamples(sensor.packets);
  await pass(context.clock, 10_000);
  dead = true;
  started[0]!.child.end("device disconnected");
  await pass(context.clock, 3_000_000, 5000);
  expect(sensor.stale!()).toEqual({ why: "arecord ended: device disconnected", lost: true });
  expect(started.length).toBeGreaterThan(3);
  expect(started.length).toBeLessThan(10);
  dead = false;
  await pass(context.clock, 3_000_000, 5000);
  started.at(-1)!.child.say(160);
  await pass(context.clock, 10_000);
  expect(sensor.stale!()).toBeUndefined();
  expect(sensor.counts!()).toMatchObject({ samples: 480, "connections lost": 1 });
  expect(samplesOfAll(batches).length).toBe(480);
  context.ending.abort();
  await ended;
});

test("no program, or one that stays silent, is told with what was tried", async () => {
  const opening = openMicrophone(given(), liveContext(), programs({}).start);
  await expect(opening).rejects.toThrow(
    /arecord: not installed; pw-record: not installed; ffmpeg: not installed.*Install arecord/s,
  );
  await expect(opening).rejects.toBeInstanceOf(ReflexarcError);
  const context = liveContext();
  const { start, started } = programs({ ffmpeg: () => {} });
  const silent = openMicrophone(given({ program: "ffmpeg" }), context, start);
  silent.catch(() => {});
  await pass(context.clock, 6_000_000, 100_000);
  await expect(silent).rejects.toThrow("ffmpeg: nothing was heard for 5 s");
  expect(started[0]!.child.stopped).toBe(true);
});

test("each program is told rate, channels and device in its own words", () => {
  const words = (program: "arecord" | "pw-record" | "ffmpeg", more: object = {}) =>
    argumentsOf(program, given({ channels: 2, rateHz: 48_000, ...more })).join(" ");
  expect(words("arecord", { device: "hw:1,0" })).toBe(
    "--quiet --file-type=raw --format=S16_LE --rate=48000 --channels=2 --device=hw:1,0",
  );
  expect(words("pw-record")).toBe("--format=s16 --rate=48000 --channels=2 -");
  expect(words("ffmpeg")).toContain("-f pulse -i default -ac 2 -ar 48000 -f s16le");
  expect(words("ffmpeg", { device: "hw:1,0" })).toContain("-f alsa -i hw:1,0");
});
