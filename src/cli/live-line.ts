/** The one-line view of a run: where each servo points, and how many events a second come in. */

import type { Plan } from "../pipeline/document.ts";
import type { Progress } from "../pipeline/environment.ts";

/** Answers a progress listener that draws one line, narrower than the terminal is at that moment. */
export function liveLine(
  plan: Plan,
  draw: (text: string) => void,
  columnsNow: () => number,
): (progress: Progress) => void {
  const ranges = new Map<string, readonly [min: number, max: number]>();
  for (const node of plan.nodes) {
    if (node.kind !== "actuator") continue;
    const { minDeg = 0, maxDeg = 180 } = node.guard.limits;
    ranges.set(node.id, [minDeg, maxDeg]);
  }
  let before: Progress | undefined;
  let rate = 0;
  return (progress) => {
    const spanUs = before ? progress.atUs - before.atUs : 0;
    if (before && spanUs > 0) rate += 0.2 * (((progress.eventsIn - before.eventsIn) * 1e6) / spanUs - rate);
    before = progress;
    const columns = columnsNow();
    // Where there is no room for a picture, the numbers come first.
    const gaugeWidth = Math.min(24, Math.floor((columns - 30) / Math.max(1, ranges.size)) - 16);
    const { live, actuators } = progress.status();
    const gauges = [...ranges].map(([id, [min, max]]) => {
      const status = actuators.find((actuator) => actuator.id === id);
      // A servo without feedback stands where it was told to.
      const angle = status?.readings.angleDeg ?? status?.said ?? Number.NaN;
      const state = live && status ? ` ${status.state}` : "";
      const picture = gaugeWidth >= 6 ? ` ${gauge((angle - min) / (max - min), gaugeWidth)}` : "";
      return `${id}${state}${picture} ${angle.toFixed(1).padStart(picture ? 6 : 0)}°`;
    });
    const seconds = ((progress.atUs - progress.startUs) / 1e6).toFixed(1);
    const said = [`${seconds.padStart(5)} s`, ...gauges, `${(rate / 1000).toFixed(1)} kev/s`].join("  ");
    const quits = "  q quits";
    draw(said.slice(0, Math.max(0, columns - 1 - quits.length)) + quits);
  };
}

function gauge(share: number, width: number): string {
  const at = Number.isNaN(share) ? -1 : Math.round(Math.max(0, Math.min(1, share)) * (width - 1));
  return `[${Array.from({ length: width }, (_, i) => (i === at ? "●" : "·")).join("")}]`;
}
