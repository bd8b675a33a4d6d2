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

  it("wakes nobody while beats come in time, however long the waits that they announce", () => {
    const wall = virtualClock();
    let woken = 0;
    const at: Clock["at"] = (timeUs, wake) =>
      wall.at(timeUs, () => {
        woken += 1;
        wake();
      });
    const { watchdog, trips } = watch({ ...wall, at });
    for (const waitMs of [1, 7, 90, 200, 1000])
      for (let k = 0; k < 100; k++) {
        watchdog.beat(waitMs * 1000);
        wall.advance(wall.nowUs() + waitMs * 1000);
        watchdog.beat();
      }
    expect(woken).toBe(0);
    watchdog.beat(1_000_000);
    wall.advance(wall.nowUs() + 5_000_000);
    expect(trips).toEqual([210_000]);
  });

  it("stops", () => {
    const clock = virtualClock();
    const { watchdog, trips } = watch(clock);
    watchdog.stop();
    clock.advance(2_000_000);
    expect(trips).toEqual([]);
  });
});
