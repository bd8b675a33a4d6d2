/** The trace: the same lines for any cut, and every alteration named. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import { type PacketDetail, Trace } from "../../src/pipeline/trace.ts";
import { describeDifference, TraceComparison } from "../../src/pipeline/verify.ts";
import { cutPacket, type Event, packetOf } from "../support/packets.ts";

const events: Event[] = Array.from({ length: 200 }, (_, i) => [137 * i + (i % 7), i % 5]);

function traceOf(cuts: readonly number[], detail: PacketDetail): string[] {
  const lines: string[] = [];
  const trace = new Trace((line) => lines.push(line));
  trace.begin({ document: "x" });
  const eye = trace.tapPackets(0, "eye", detail);
  const brain = trace.tapPackets(1, "brain", "list");
  const aim = trace.tapCommands(2, "aim");
  const whole = packetOf(neurons(1, 1, 5), events, 0, 30_000);
  for (const packet of cutPacket(whole, cuts)) {
    eye.next(packet);
    brain.next(packet);
    const commands = [10_000, 20_000, 30_000].filter((atUs) => atUs > packet.fromUs && atUs <= packet.toUs);
    aim.next({
      fromUs: packet.fromUs,
      toUs: packet.toUs,
      commands: commands.map((atUs, i) => ({
        atUs,
        name: "pan",
        value: i / 3,
        unit: "deg",
        ttlUs: 1,
        sequence: 1,
      })),
    });
    trace.flush();
  }
  trace.end();
  return lines;
}

describe.each(["digest", "list"] as const)("with packets as a %s", (detail) => {
  test("any cut gives the same lines but for what a readout itself counts", () => {
    const whole = traceOf([10_000, 20_000], detail);
    expect(whole.length).toBeGreaterThan(9);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 30 }), (cuts) => {
        expect(traceOf([...cuts, 10_000, 20_000], detail)).toEqual(whole);
      }),
    );
  });

  test("one altered event changes the lines", () => {
    const before = traceOf([], detail);
    const original = events[77]!;
    events[77] = [original[0], (original[1] + 1) % 5];
    const after = traceOf([], detail);
    events[77] = original;
    expect(after).not.toEqual(before);
  });
});

test("lines come in order of time, then of the stage", () => {
  const lines = traceOf([3000, 15_000], "digest")
    .slice(1)
    .map((line) => JSON.parse(line) as { atUs: number; stage: string });
  const order = ["eye", "brain", "aim"];
  const keys = lines.map(({ atUs, stage }) => atUs * 10 + order.indexOf(stage));
  expect(keys).toEqual([...keys].sort((a, b) => a - b));
});

describe("the first difference", () => {
  const compare = (expected: string[], actual: string[]) => {
    const comparison = new TraceComparison(expected);
    for (const line of actual) comparison.add(line);
    return comparison.end();
  };
  const lines = traceOf([], "digest");

  test("equal traces have none", () => {
    expect(compare(lines, lines)).toBeUndefined();
  });

  test("a motor byte is named by its place", () => {
    const line = (wire: string) =>
      JSON.stringify({ atUs: 20_000, stage: "pan", safe: "move", value: 90, wire });
    expect(compare([line("2350")], [line("2351")])?.what).toBe(
      'wire of "pan" at 20000 us: motor byte 1 is 0x50 in the trace and 0x51 in the run',
    );
    expect(compare([line("2350")], [line("235000")])?.what).toMatch(
      /motor byte 2 is absent in the trace and 0x00 in the run/,
    );
  });

  test("an event is named by its window and place", () => {
    const at = lines.findIndex((line) => line.includes("spikes"));
    const altered = [...lines];
    altered[at] = lines[at]!.replace("[138,1]", "[138,4]");
    expect(compare(altered, lines)).toEqual({
      line: at + 1,
      what: 'spikes of "brain" at 10000 us: event 1 of the window is address 4 at 138 us in the trace and address 1 at 138 us in the run',
    });
  });

  test("a time is named", () => {
    const at = lines.findIndex((line) => line.includes("command"));
    const altered = [...lines];
    altered[at] = lines[at]!.replace('"atUs":10000', '"atUs":10001');
    expect(compare(altered, lines)?.what).toBe(
      'command of "aim" at 10001 us: the time is 10001 us in the trace and 10000 us in the run',
    );
  });

  test("a missing and a further line", () => {
    expect(compare(lines, lines.slice(0, -1))?.what).toMatch(/the run ends before the trace does/);
    expect(compare(lines.slice(0, -1), lines)?.what).toMatch(/the run goes on after the trace's end/);
  });

  test("what came from the wall clock is told as such", () => {
    const stalled = JSON.stringify({ atUs: 5, stage: "pan", guard: "disarmed", cause: "stall", wall: true });
    expect(describeDifference(stalled, lines[1]!)).toMatch(
      /came from the wall clock: a replay can't repeat it/,
    );
  });

  test("another recording is named by its file", () => {
    const header = (sha256: string) =>
      JSON.stringify({ document: "d", files: [{ file: "a.aedat4", sha256 }] });
    expect(describeDifference(header("1"), header("2"))).toMatch(
      /the file a\.aedat4 has changed since the trace was written/,
    );
  });
});
