/** Speed of every filter, and of the encoder of optical flow: on edges that move through noise, and on noise alone. */

import { opticalFlow } from "../../src/encoders/index.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { filters } from "../../src/filters/index.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions } from "../../src/stage.ts";
import { median, type Row } from "./measure.ts";

const sensor = pixels(346, 260);
const eventsPerPacket = 4096;

/** Options of the filters that have no default. */
const optionsOf: Readonly<Record<string, object>> = {
  polarity: { keep: "on" },
  region: { rectangles: [{ x: 20, y: 20, width: 200, height: 200 }] },
  rescale: { width: 128, height: 96 },
  undistort: { fx: 250, fy: 250, k1: -0.3, k2: 0.1 },
};

/**
 * Million events in a second of processor time: the median of `runs` over packets of 4,096 events, after one that warms
 * up. A filter is one thread, so on an idle machine this is also the wall's second.
 */
export function benchFilters(runs = 5, events = 1_000_000): Row[] {
  const streams = { edges: edgesInNoise(events, 0.7), noise: edgesInNoise(events, 0) };
  return [...filters, anyOptions(opticalFlow)].flatMap((filter) =>
    Object.entries(streams).map(([kind, packets]) => {
      const options = filter.options.parse(optionsOf[filter.name] ?? {});
      const rates = Array.from({ length: runs + 1 }, () => {
        const context = { id: filter.name, geometry: sensor, seed: 1, readText: () => "" };
        const step = filter.create(options, context);
        const started = process.cpuUsage();
        for (const packet of packets) step.step(packet);
        return events / process.cpuUsage(started).user;
      });
      return { what: `${filter.name}, ${kind}`, value: median(rates.slice(1)), unit: "Mev/s" };
    }),
  );
}

/** A bar that turns and two balls that fly, 1 Mev/s, of which `share` lie on them and the rest anywhere. */
function edgesInNoise(count: number, share: number): Packet[] {
  const random = seededRandom(7);
  const packets: Packet[] = [];
  for (let first = 0; first < count; first += eventsPerPacket) {
    const packet = new Packet(sensor).begin(first, Math.min(count, first + eventsPerPacket));
    for (let timeUs = first; timeUs < packet.toUs; timeUs++) {
      let x = random() * sensor.width;
      let y = random() * sensor.height;
      if (random() < share) {
        const turned = random() * 2 * Math.PI;
        const along = (random() - 0.5) * 240;
        const shape = Math.floor(random() * 3);
        const flown = ((timeUs * (shape + 1)) / 3000) % 250;
        x = shape === 0 ? 173 + along * Math.cos(timeUs / 200_000) : 40 + flown + 15 * Math.cos(turned);
        y = shape === 0 ? 130 + along * Math.sin(timeUs / 200_000) : 60 * shape + 15 * Math.sin(turned);
      }
      packet.push(timeUs, pixelAddress(Math.floor(x), Math.floor(y), random() < 0.5 ? 1 : 0));
    }
    packets.push(packet);
  }
  return packets;
}
