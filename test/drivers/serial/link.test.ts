import { describe, expect, it } from "vitest";
import { type Link, type LinkSetup, openLink } from "../../../drivers/serial/link.ts";
import { LineReader, textBytes } from "../../../drivers/wire/lines.ts";
import { heardContext } from "../../support/driver-contract.ts";
import { type FakeBoard, fakeBoard, turn } from "../../support/fake-board.ts";

const move = { action: "move", value: 90 } as const;
const release = { action: "release" } as const;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const said = (board: FakeBoard) => board.frames.map(text);

async function linked(board: FakeBoard, setup: Partial<LinkSetup<string>> = {}, id = "pan") {
  const context = heardContext(id);
  const reader = new LineReader();
  const link = await openLink<string>(
    { path: "link", baudRate: 9600, context, parse: (bytes) => reader.push(bytes), ...setup },
    board.open,
  );
  const ask = (question: string) => link.ask(textBytes(question), (reply) => reply === `${question}!`);
  return { link, context, ask };
}

describe("a question", () => {
  it("gets its own answer, and keeps the line until then", async () => {
    const board = fakeBoard();
    const { link, ask } = await linked(board);
    const answer = ask("a");
    link.write(textBytes("m1"), move);
    link.write(textBytes("m2"), move);
    board.say(textBytes("b!\n"));
    expect(said(board)).toEqual(["a"]);
    board.say(textBytes("a!\n"));
    expect(await answer).toBe("a!");
    expect(said(board)).toEqual(["a", "m2"]);
    await link.leave();
  });

  it("gives up after its time, and the line is free again", async () => {
    const board = fakeBoard();
    const { link, context, ask } = await linked(board);
    const answer = ask("a");
    link.write(textBytes("m1"), move);
    context.clock.advance(50_000);
    expect(await answer).toBeUndefined();
    expect(said(board)).toEqual(["a", "m1"]);
    await link.leave();
  });

  it("is not asked at all when the line stays busy, and does not hang", async () => {
    const board = fakeBoard();
    const { link, context, ask } = await linked(board);
    board.stuck = true;
    link.write(textBytes("m1"), move);
    const answer = ask("a");
    context.clock.advance(1_000_000);
    expect(await answer).toBeUndefined();
    board.unstick();
    expect(said(board)).toEqual(["m1"]);
    await link.leave();
  });

  it("is answered with nothing when the cable is pulled, and never sent to the port that comes back", async () => {
    const board = fakeBoard();
    const { link, context, ask } = await linked(board);
    board.stuck = true;
    link.write(textBytes("m1"), move);
    const answer = ask("a");
    board.unplug();
    expect(await answer).toBeUndefined();
    board.stuck = false;
    context.clock.advance(100_000);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    expect(said(board)).toEqual(["m1"]);
    await link.leave();
  });

  it("does not keep anyone from leaving", async () => {
    const board = fakeBoard();
    const { link, ask } = await linked(board);
    const answer = ask("a");
    link.write(textBytes("r"), release);
    await link.leave();
    expect(await answer).toBeUndefined();
    expect(said(board)).toEqual(["a", "r"]);
    expect(board.closed).toBe(1);
  });
});

describe("a release", () => {
  it("waits for no answer where both ends may speak at once, past whatever waits", async () => {
    const board = fakeBoard();
    const first = await linked(board);
    const second = await linked(board, {}, "tilt");
    void first.ask("a");
    void second.ask("b");
    second.link.write(textBytes("m"), move);
    first.link.write(textBytes("r"), release);
    expect(said(board)).toEqual(["a", "b", "m", "r"]);
    await first.link.leave();
    await second.link.leave();
  });

  it("waits for the answer on a single wire, and no longer than it is waited for", async () => {
    const board = fakeBoard();
    const { link, context, ask } = await linked(board, { halfDuplex: true });
    void ask("a");
    link.write(textBytes("r"), release);
    expect(said(board)).toEqual(["a"]);
    context.clock.advance(50_000);
    await turn();
    expect(said(board)).toEqual(["a", "r"]);
    await link.leave();
  });
});

describe("a device that is lost", () => {
  it("is told once, gets no move until it answers, and never one that was meant for it before", async () => {
    const board = fakeBoard();
    let answers = true;
    const { link, context } = await linked(board, { probe: async () => answers });
    board.stuck = true;
    link.write(textBytes("m1"), move);
    link.write(textBytes("m2"), move);
    answers = false;
    link.lose("it said so");
    link.lose("again");
    board.unstick();
    link.write(textBytes("m3"), move);
    expect(said(board)).toEqual(["m1"]);
    for (let s = 1; s <= 3; s++) {
      context.clock.advance(s * 1e6);
      await turn();
    }
    expect(context.connections).toEqual(["lost"]);
    answers = true;
    context.clock.advance(4e6);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    link.write(textBytes("m4"), move);
    expect(said(board)).toEqual(["m1", "m4"]);
    expect(link.counts()).toMatchObject({ "dropped while disconnected": 1 });
    await link.leave();
  });

  it("is not probed any more after the end", async () => {
    const board = fakeBoard();
    let probes = 0;
    const { link, context } = await linked(board, { probe: async () => ++probes === 1 });
    link.lose("it said so");
    await link.leave();
    context.clock.advance(60e6);
    await turn();
    expect(probes).toBe(2);
  });
});

describe("a probe that throws", () => {
  it("is the opening's error, and after a loss no answer", async () => {
    const board = fakeBoard();
    let broken = true;
    const probe = async () => {
      if (broken) throw new Error("in another mode");
      return true;
    };
    await expect(linked(board, { probe })).rejects.toThrow("in another mode");
    expect(board.closed).toBe(1);
    broken = false;
    const { link, context }: { link: Link<string>; context: ReturnType<typeof heardContext> } = await linked(
      board,
      { probe },
    );
    broken = true;
    link.lose("it said so");
    await turn();
    broken = false;
    context.clock.advance(1_000_000);
    await turn();
    expect(context.connections).toEqual(["lost", "connected"]);
    await link.leave();
  });
});
