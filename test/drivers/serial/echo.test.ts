import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { echoFilter } from "../../../drivers/serial/echo.ts";
import { protocol1 } from "../../../drivers/wire/dynamixel.ts";
import { statusPacket } from "../../support/bus-servo.ts";

/** What is left of a stream that is heard in pieces. */
function heard(filter: ReturnType<typeof echoFilter>, stream: readonly number[], size: number): number[] {
  const left: number[] = [];
  for (let at = 0; at < stream.length; at += size)
    left.push(...filter.strip(Uint8Array.from(stream.slice(at, at + size))));
  return left;
}

describe("an echo", () => {
  const reads = fc.array(
    fc.record({ id: fc.nat(5), address: fc.nat(255), count: fc.integer({ min: 3, max: 20 }) }),
    {
      maxLength: 8,
    },
  );

  it("is taken away, and the answers stay, whether the adapter echoes or not", () => {
    fc.assert(
      fc.property(reads, fc.boolean(), fc.integer({ min: 1, max: 40 }), (asked, echoes, size) => {
        const filter = echoFilter();
        for (const { id, address, count } of asked) {
          const move = protocol1.syncWrite(42, [{ id, data: [address, 1] }]);
          const question = protocol1.read(id, address, count);
          const answer = [...statusPacket(1, id, 0, Array(count).fill(address))];
          filter.sent(move);
          filter.sent(question);
          const stream = echoes ? [...move, ...question, ...answer] : answer;
          expect(heard(filter, stream, size)).toEqual(answer);
        }
      }),
    );
  });

  it("of frames without an answer is never kept beyond its bound", () => {
    const filter = echoFilter();
    filter.strip(Uint8Array.of(1));
    for (let i = 0; i < 100_000; i++) filter.sent(Uint8Array.of(0xff, 0xff, 1, 4, 2, i & 255));
    expect(heard(filter, [7, 8, 9], 1)).toEqual([7, 8, 9]);
  });

  it("that breaks off gives back what had matched", () => {
    const filter = echoFilter();
    filter.sent(Uint8Array.of(1, 2, 3, 4));
    expect(heard(filter, [1, 2, 9, 3, 4], 2)).toEqual([1, 2, 9, 3, 4]);
    expect(heard(filter, [1, 2, 3, 4], 4)).toEqual([1, 2, 3, 4]);
  });
});
