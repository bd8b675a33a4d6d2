/** The cochlea: bands where tones are, phases that two ears can compare, a gain that adapts, rates that agree. */

import { describe, expect, test } from "vitest";
import cochlea from "../../src/encoders/cochlea.ts";
import { centresHz } from "../../src/encoders/gammatone.ts";
import { channels, neurons } from "../../src/events/geometry.ts";
import { seededNormal, seededRandom } from "../../src/random.ts";
import { type Event, eventsOf } from "../support/packets.ts";
import { ratedSamples } from "../support/samples.ts";

type Sound = (seconds: number) => number;

/** What the encoder says of sounds, one an ear. */
function spikesOf(sounds: readonly Sound[], options: object, { rateHz = 16_000, seconds = 1 } = {}): Event[] {
  const names = sounds.map((_, i) => `ear ${i}`);
  const geometry = channels(names, { rateHz });
  const columns = sounds.map((sound) =>
    Float32Array.from({ length: rateHz * seconds }, (_, i) => sound(i / rateHz)),
  );
  const step = cochlea.create(cochlea.options.parse(options), {
    id: "cochlea",
    geometry,
    seed: 1,
    readText: () => "",
  });
  return eventsOf(step.step(ratedSamples(geometry, columns)));
}

const tone =
  (hz: number, amplitude: number, lagUs = 0): Sound =>
  (s) =>
    amplitude * Math.sin(2 * Math.PI * hz * (s - lagUs / 1e6));

function histogram(events: readonly Event[], bands: number): number[] {
  const counts = new Array<number>(bands).fill(0);
  for (const [, id] of events) counts[id % bands]! += 1;
  return counts;
}

const rates = { leak: 0, gain: 0, rateHz: 1000 };

test.each([150, 400, 1000, 2500])("a tone of %i Hz is loudest in the band whose centre is nearest", (hz) => {
  const counts = histogram(spikesOf([tone(hz, 0.5)], rates), 32);
  const centres = centresHz(32, 100, 3600);
  const distances = centres.map((centre) => Math.abs(Math.log(centre / hz)));
  const nearest = distances.indexOf(Math.min(...distances));
  const loudest = counts.indexOf(Math.max(...counts));
  expect(Math.abs(loudest - nearest)).toBeLessThanOrEqual(1);
  expect(counts[(nearest + 16) % 32]!).toBeLessThan(counts[loudest]! / 4);
});

test("with spikes: level a tone fires once a period, and the lag between two ears is there to a few microseconds", () => {
  const events = spikesOf([tone(500, 0.3), tone(500, 0.2, 300)], {
    bands: 16,
    highHz: 1500,
    spikes: "level",
  });
  const band = centresHz(16, 100, 1500).findIndex((hz) => hz > 500) - 1;
  const [left, right] = [0, 16].map((first) =>
    events.filter(([timeUs, id]) => id === first + band && timeUs > 500_000).map(([timeUs]) => timeUs),
  );
  expect(left!.length).toBeGreaterThan(245);
  expect(left!.length).toBeLessThan(255);
  for (const timeUs of left!.slice(0, -1)) {
    const lagUs = Math.min(...right!.filter((other) => other >= timeUs)) - timeUs;
    // The quieter ear is lower at the common level: it crosses later in the period.
    expect(lagUs).toBeGreaterThan(300);
    expect(lagUs).toBeLessThan(420);
  }
});

describe("the gain", () => {
  const noise = (amplitude: number): Sound => {
    const normal = seededNormal(seededRandom(3));
    return () => amplitude * normal();
  };

  test("makes a loud and a faint noise alike once it has adapted, 40 dB apart", () => {
    const late = (amplitude: number) =>
      spikesOf([noise(amplitude)], { leak: 0.3, rateHz: 500, gainTauMs: 100, floor: 1e-6 }).filter(
        ([timeUs]) => timeUs > 500_000,
      ).length;
    const [loud, faint] = [late(0.3), late(0.003)];
    expect(loud).toBeGreaterThan(500);
    expect(Math.abs(loud - faint) / loud).toBeLessThan(0.1);
  });

  test("lets a steady noise fall silent, and what comes out of it fire", () => {
    const steady = noise(0.01);
    const sound: Sound = (s) => steady(s) + (s > 0.7 ? tone(800, 0.1)(s) : 0);
    const events = spikesOf([sound], { gainTauMs: 100, rateHz: 300 });
    const count = (fromUs: number, toUs: number) =>
      events.filter(([timeUs]) => timeUs > fromUs && timeUs < toUs).length;
    expect(count(400_000, 700_000)).toBeLessThan(count(700_000, 800_000) / 10);
    expect(count(700_000, 800_000)).toBeGreaterThan(10);
  });

  test("leaves silence silent", () => {
    expect(spikesOf([() => 0], {})).toEqual([]);
    expect(spikesOf([() => Number.NaN], {})).toEqual([]);
  });
});

test.each(["integrate", "level"])(
  "with spikes: %s digital silence is passed over, and changes nothing",
  (spikes) => {
    /** Two sounds with three seconds between them, in which it is as still as this: the least value above 0 is worked out. */
    const around =
      (still: number): Sound =>
      (s) =>
        s < 0.3 || s > 3.3 ? tone(800, 0.1)(s) : still;
    const options = { spikes, leak: 0.5, rateHz: 500 };
    const events = spikesOf([around(0)], options, { seconds: 3.6 });
    expect(events).toEqual(spikesOf([around(2 ** -149)], options, { seconds: 3.6 }));
    expect(events.filter(([timeUs]) => timeUs > 3_300_000).length).toBeGreaterThan(20);
  },
);

test.each([16_000, 22_050, 44_100, 48_000, 192_000])(
  "the same sound at 8000 and at %i Hz gives nearly the same spikes",
  (rateHz) => {
    // A vowel that glides: harmonics of 120 Hz under a formant, no energy above 3 kHz.
    const sound: Sound = (s) => {
      let sum = 0;
      for (let k = 1; k <= 24; k++) {
        const formant = 500 + 1200 * s;
        sum += 0.1 * Math.exp(-(((120 * k - formant) / 250) ** 2)) * Math.sin(2 * Math.PI * 120 * k * s + k);
      }
      return sum * Math.min(1, 10 * s);
    };
    const options = { leak: 0.5, rateHz: 500 };
    const cells = (events: readonly Event[]) => {
      const grid = new Map<string, number>();
      for (const [timeUs, id] of events) {
        const cell = `${id} ${Math.floor(timeUs / 50_000)}`;
        grid.set(cell, (grid.get(cell) ?? 0) + 1);
      }
      return grid;
    };
    const low = cells(spikesOf([sound], options, { rateHz: 8000 }));
    const high = cells(spikesOf([sound], options, { rateHz }));
    let [common, all] = [0, 0];
    for (const cell of new Set([...low.keys(), ...high.keys()])) {
      common += Math.min(low.get(cell) ?? 0, high.get(cell) ?? 0);
      all += Math.max(low.get(cell) ?? 0, high.get(cell) ?? 0);
    }
    expect(all).toBeGreaterThan(300);
    expect(common / all).toBeGreaterThan(0.85);
  },
);

test("what it can't hear is refused", () => {
  const context = { id: "ear", seed: 1, readText: () => "" };
  const make = (options: object, geometry: Parameters<typeof cochlea.create>[1]["geometry"]) => () =>
    cochlea.create(cochlea.options.parse(options), { ...context, geometry });
  expect(make({}, channels(["volts"]))).toThrow("gets samples without a rate");
  expect(make({}, channels(["ear"], { rateHz: 6000 }))).toThrow(/up to 3600 Hz.*highHz to 2727/s);
  expect(make({}, neurons(1, 1, 4))).toThrow("takes samples, but gets the spikes");
});
