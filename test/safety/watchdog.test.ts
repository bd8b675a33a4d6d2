import { describe, expect, it } from "vitest";
import { type Clock, virtualClock } from "../../src/clock.ts";
import { createWatchdog } from "../../src/safety/watchdog.ts";

function watch(clock: Clock) {
  const trips: number[] = [];
  const watchdog = createWatchdog({ clock, deadlineMs: 200 }, (silentUs) => trips.push(silentUs));
  return { watchdog, trips };
}

describe("the wall-clock watchdog", () => {
  it("stays quiet while beats come in time", () => {
    const clock = virtualClock();
    const { watchdog, trips } = watch(clock);
    for (let ms = 100; ms < 2000; ms += 100) {
      clock.advance(ms * 1000);
      watchdog.beat();
    }
    expect(trips).toEqual([]);
  });

  it("trips once within a twentieth of its deadline, and again only after a beat", () => {
    const clock = virtualClock();
    const { watchdog, trips } = watch(clock);
    clock.advance(2_000_000);
    expect(trips).toEqual([210_000]);
    watchdog.beat();
    clock.advance(3_000_000);
    expect(trips).toHaveLength(2);
  });

  it("sees a stall at the first beat, though its timer did not run", () => {
    let nowUs = 0;
    const frozen: Clock = { ...virtualClock(), nowUs: () => nowUs };
    const { watchdog, trips } = watch(frozen);
    nowUs = 3_000_000;
    watchdog.beat();
    watchdog.beat();
    expect(trips).toEqual([3_000_000]);
  });

  it("stops", () => {
    const clock = virtualClock();
    const { watchdog, trips } = watch(clock);
    watchdog.stop();
    clock.advance(2_000_000);
    expect(trips).toEqual([]);
  });
});
