import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetGate } from "../../../drivers/mqtt/gate.ts";

const limits = { bytesMax: 1000, connectBytesMax: 50, packetsPerSMax: 1e6 };
const still = { nowUs: () => 0 };

/** A packet of a type with a payload of zeros. */
function packet(type: number, length: number): number[] {
  const header = [type << 4];
  let rest = length;
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return [...header, ...new Array<number>(length).fill(0)];
}

const verdictOf = (bytes: number[]) => packetGate(limits, still)(Uint8Array.from(bytes));

describe("the packet gate", () => {
  it("lets a session through", () => {
    expect(verdictOf([...packet(1, 50), ...packet(3, 1000), ...packet(12, 0), ...packet(3, 200)])).toBe(
      "pass",
    );
  });

  it.each([
    ["a first packet that is no CONNECT", packet(3, 10)],
    ["a web page that posts to the port", [...Buffer.from("POST / HTTP/1.1\r\n")]],
    ["a CONNECT that is too long", packet(1, 51)],
    ["a packet that is too long", [...packet(1, 10), ...packet(3, 1001).slice(0, 3)]],
    ["a claim of 256 MB, from its header alone", [...packet(1, 10), 0x30, 0xff, 0xff, 0xff, 0x7f]],
    ["a length of five bytes", [...packet(1, 10), 0x30, 0x80, 0x80, 0x80, 0x80]],
  ])("refuses %s", (_, bytes) => {
    expect(verdictOf(bytes)).toBe("refused");
  });

  it("lets a second's packets through at once, and then as many as time brings", () => {
    const clock = { us: 0, nowUs: () => clock.us };
    const gate = packetGate({ ...limits, packetsPerSMax: 10 }, clock);
    const pings = (count: number) =>
      Uint8Array.from(Array.from({ length: count }, () => packet(12, 0)).flat());
    expect(gate(Uint8Array.from(packet(1, 10)))).toBe("pass");
    expect(gate(pings(9))).toBe("pass");
    clock.us = 300_000;
    expect(gate(pings(3))).toBe("pass");
    expect(gate(pings(1))).toBe("too fast");
    clock.us = 10e6;
    expect(gate(pings(1))).toBe("too fast");
  });

  it("refuses for ever", () => {
    const gate = packetGate(limits, still);
    gate(Uint8Array.from(packet(3, 1)));
    expect(gate(Uint8Array.from(packet(1, 1)))).toBe("refused");
  });

  it("says the same for any cut of the bytes", () => {
    const somePackets = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 0, max: 1100 })),
    );
    fc.assert(
      fc.property(somePackets, fc.array(fc.nat(2000)), (packets, cuts) => {
        const bytes = [...packet(1, 20), ...packets.flatMap(([type, length]) => packet(type, length))];
        const gate = packetGate(limits, still);
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const verdicts = edges.slice(1).map((to, i) => gate(Uint8Array.from(bytes.slice(edges[i]!, to))));
        expect(verdicts.at(-1)).toBe(verdictOf(bytes));
        expect(verdictOf(bytes)).toBe(packets.every(([, length]) => length <= 1000) ? "pass" : "refused");
      }),
    );
  });
});
