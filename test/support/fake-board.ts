/** A serial port with a device behind it, for tests: it answers what it is sent, restarts, and has a plug that can be pulled. */

import type { OpenTalkingPort, TalkingPort } from "../../drivers/serial/link.ts";

export interface FakeBoard {
  readonly open: OpenTalkingPort;
  /** Frames that reached the device, of all openings. */
  readonly frames: Uint8Array[];
  opened: number;
  closed: number;
  /** What the device answers to a frame. */
  answer: (frame: Uint8Array) => Uint8Array | undefined;
  /** What it says by itself when the port is opened. */
  banner: Uint8Array | undefined;
  /** While true, it hears and says nothing. */
  silent: boolean;
  /** While true, the adapter gives back what it is sent. */
  echoes: boolean;
  /** While true, nothing that is written drains. */
  stuck: boolean;
  unstick(): void;
  /** The device says something by itself. */
  say(bytes: Uint8Array): void;
  /** The cable is out. */
  unplug(): void;
}

export function fakeBoard(given: Partial<Pick<FakeBoard, "answer" | "banner" | "echoes">> = {}): FakeBoard {
  let enders: ((error?: Error | null) => void)[] = [];
  let listener: ((bytes: Uint8Array) => void) | undefined;
  let held: (() => void)[] = [];
  const board: FakeBoard = {
    frames: [],
    opened: 0,
    closed: 0,
    answer: () => undefined,
    banner: undefined,
    silent: false,
    echoes: false,
    stuck: false,
    ...given,
    unstick() {
      board.stuck = false;
      for (const done of held.splice(0)) done();
    },
    say: (bytes) => listener?.(bytes),
    unplug() {
      const told = enders;
      enders = [];
      listener = undefined;
      for (const each of told) each(new Error("the cable is out"));
    },
    async open() {
      board.opened += 1;
      enders = [];
      held = [];
      const port: TalkingPort = {
        write(bytes, done) {
          board.frames.push(bytes.slice());
          if (board.echoes) listener?.(bytes.slice());
          const reply = board.silent ? undefined : board.answer(bytes);
          if (reply) listener?.(reply);
          done();
        },
        drain(done) {
          if (board.stuck) held.push(done);
          else done();
        },
        close(done) {
          board.closed += 1;
          done();
        },
        on: ((event: string, told: (given: unknown) => void) => {
          if (event !== "data") return enders.push(told);
          listener = told;
          const { banner } = board;
          if (banner && !board.silent) queueMicrotask(() => listener?.(banner));
        }) as TalkingPort["on"],
        resume() {},
      };
      return port;
    },
  };
  return board;
}

/** Bytes of a line of hexadecimal pairs. */
export const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ""), "hex"));

/** Hexadecimal pairs of bytes. */
export const hexOf = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");

/** Lets promises that are due run. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
