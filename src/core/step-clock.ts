/** Runs the stepped engine on packets: spikes are counted into steps on a grid of absolute packet time. */

import type { Packet } from "../events/packet.ts";
import type { SpikeListener } from "./ledger.ts";
import type { SteppedEngine } from "./stepped.ts";

export interface StepPlaces {
  /** Indices of populations. */
  readonly input: number;
  readonly output: number;
  readonly dtUs: number;
  readonly phaseUs?: number;
}

export interface PacketSteps {
  run(packet: Packet, out: Packet): void;
  /** The next packet is the first one again; what waited for the end of a step is forgotten. */
  restart(): void;
}

/**
 * Step k covers k * dtUs + phaseUs <= t < (k + 1) * dtUs + phaseUs, and what the output fires in it leaves at its end:
 * then all that the step depends on is known, wherever packets are cut. The first step is that of the first packet's start.
 * `listen` hears what each population gave in a step, at its start.
 */
export function onPackets(
  engine: SteppedEngine,
  { input, output, dtUs, phaseUs = 0 }: StepPlaces,
  listen?: SpikeListener,
): PacketSteps {
  const cells = engine.cells[output]!;
  const frame = new Float64Array(engine.cells[input]!.charge.length);
  let endUs = Number.NaN;

  function step(out: Packet): void {
    engine.step(frame);
    frame.fill(0);
    if (listen)
      for (const [p, { ids, count, values }] of engine.cells.entries())
        if (count > 0) listen(p, ids, 0, count, endUs - dtUs, values);
    for (let k = 0; k < cells.count; k++)
      for (let spike = 0; spike < cells.values[k]!; spike++) out.push(endUs, cells.ids[k]!);
    endUs += dtUs;
  }

  function run({ fromUs, toUs, count, times, addresses }: Packet, out: Packet): void {
    out.begin(fromUs, toUs);
    if (Number.isNaN(endUs)) endUs = (Math.floor((fromUs - phaseUs) / dtUs) + 1) * dtUs + phaseUs;
    for (let k = 0; k < count; k++) {
      while (times[k]! >= endUs) step(out);
      const id = addresses[k]!;
      if (id < frame.length) frame[id]! += 1;
      else engine.ledger.outOfRange += 1;
    }
    while (endUs < toUs) step(out);
  }

  return {
    run,
    restart() {
      frame.fill(0);
      endUs = Number.NaN;
    },
  };
}
