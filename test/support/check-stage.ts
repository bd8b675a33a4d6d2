/**
 * The one door of the behaviour tests of stages: options and a line of input give a line of output.
 *
 * `5@2,3+` is an ON event of pixel (2, 3) at 5 us, `5@7` a spike of neuron 7, `20000=45` a command of value 45 (to three
 * decimals) at 20 ms; `|60000` at the end of an input says that its span goes to 60 ms (else to the last event).
 */

import { expect } from "vitest";
import {
  type Geometry,
  neurons,
  pixelAddress,
  pixels,
  polarityOf,
  sizeOf,
  xOf,
  yOf,
} from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { Samples } from "../../src/events/samples.ts";
import type { Flow, Flows, StageDefinition, Step } from "../../src/stage.ts";
import { type Event, eventsOf, packetOf } from "./packets.ts";

export function check(
  stage: StageDefinition,
  options: Record<string, unknown>,
  input: string,
  expected: string,
  geometry: Geometry = stage.takes === "spikes" ? neurons(1, 4, 8) : pixels(8, 8),
): Step<"events", Flow> {
  const step = create(stage, options, geometry);
  expect(written(step.step(packetFrom(input, geometry)))).toBe(expected.trim().replace(/\s+/g, " "));
  return step;
}

/** A stage with options as a document writes them. */
export function create(
  stage: StageDefinition,
  options: Record<string, unknown>,
  geometry: Geometry,
): Step<"events", Flow> {
  const context = { id: stage.name, geometry, seed: 1, readText: () => "" };
  return stage.create(stage.options.parse(options), context) as Step<"events", Flow>;
}

export function packetFrom(line: string, geometry: Geometry): Packet {
  const [events = "", toUs] = line.split("|");
  const timed = events.trim().split(/\s+/).filter(Boolean).map(eventFrom);
  for (const [, address] of timed)
    if (geometry.kind === "neurons" && address >= sizeOf(geometry)) throw new Error(`no neuron ${address}`);
  return packetOf(geometry, timed, 0, toUs === undefined ? undefined : Number(toUs));
}

function eventFrom(text: string): Event {
  const [timeUs, address = ""] = text.split("@");
  const pixel = /^(\d+),(\d+)([+-])$/.exec(address);
  if (!pixel) return [Number(timeUs), Number(address)];
  return [Number(timeUs), pixelAddress(Number(pixel[1]), Number(pixel[2]), pixel[3] === "+" ? 1 : 0)];
}

function written(out: Flows[Flow]): string {
  if (out instanceof Samples) throw new Error("this door is for stages that give packets or commands");
  if (!(out instanceof Packet))
    return out.commands.map(({ atUs, value }) => `${atUs}=${Math.round(value * 1000) / 1000}`).join(" ");
  const address =
    out.geometry.kind === "neurons"
      ? (id: number) => `${id}`
      : (pixel: number) => `${xOf(pixel)},${yOf(pixel)}${polarityOf(pixel) ? "+" : "-"}`;
  return eventsOf(out)
    .map(([timeUs, id]) => `${timeUs}@${address(id)}`)
    .join(" ");
}
