/** How a gate spent its time, for a person: asleep, armed, awake, and how quickly it woke. */

import type { Duty } from "../stage.ts";

export function tellDuty(name: string, duty: Duty): string[] {
  const { asleepUs, armedUs, awakeUs, wakings, detections, latencyUs, reachUs, eventsIn, passed } = duty;
  const wholeUs = asleepUs + awakeUs;
  const share = (part: number, whole: number) => `${(whole > 0 ? (100 * part) / whole : 0).toFixed(1)} %`;
  const ms = (us: number) => `${(us / 1000).toFixed(0)} ms`;
  const count = (value: number) => value.toLocaleString("en");
  const detected = detections.map(count).join(" and ");
  const first = `${name}: asleep ${share(asleepUs, wholeUs)} of the time (armed ${share(armedUs, wholeUs)}), awake ${share(awakeUs, wholeUs)}; ${count(wakings)} wakings, ${detected} detections, ${share(passed, eventsIn)} of ${count(eventsIn)} spikes passed on`;
  if (wakings === 0) return [first];
  return [
    first,
    `  woke ${ms(latencyUs.mean)} after the first detection that had a part in it, at most ${ms(latencyUs.max)}; what it passed on began ${ms(reachUs.mean)} before that, at most ${ms(reachUs.max)}`,
  ];
}
