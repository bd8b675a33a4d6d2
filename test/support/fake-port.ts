/** A serial port for tests: what was written, when it drains, and a plug that can be pulled. */

import type { OpenPort, PortLike } from "../../drivers/serial/port.ts";

export interface FakePort {
  readonly open: OpenPort;
  /** Lines that reached the wire, of all openings. */
  readonly lines: string[];
  /** How often someone tried to open it. */
  tries: number;
  /** How often it was opened with success. */
  opened: number;
  closed: number;
  /** How often what had not left was thrown away. */
  flushed: number;
  /** See PortLike; of the openings from now on. */
  patienceUs: number | undefined;
  /** While set, opening fails with this message. */
  failure: string | undefined;
  /** While true, nothing that is written drains. */
  stuck: boolean;
  /** While set, writing fails with this message. */
  writeFailure: string | undefined;
  /** Lets through what is stuck. */
  unstick(): void;
  /** The cable is out. */
  unplug(message?: string): void;
}

export function fakePort(): FakePort {
  let listeners: ((error?: Error | null) => void)[] = [];
  let held: (() => void)[] = [];
  const text = new TextDecoder();
  const fake: FakePort = {
    lines: [],
    tries: 0,
    opened: 0,
    closed: 0,
    flushed: 0,
    patienceUs: undefined,
    failure: undefined,
    stuck: false,
    writeFailure: undefined,
    unstick() {
      fake.stuck = false;
      for (const done of held.splice(0)) done();
    },
    unplug(message = "the cable is out") {
      const told = listeners;
      listeners = [];
      for (const each of told) each(new Error(message));
    },
    async open() {
      fake.tries += 1;
      if (fake.failure) throw new Error(fake.failure);
      fake.opened += 1;
      listeners = [];
      held = [];
      const port: PortLike = {
        write(bytes, done) {
          if (fake.writeFailure) return done(new Error(fake.writeFailure));
          fake.lines.push(text.decode(bytes));
          done();
        },
        drain(done) {
          if (fake.stuck) held.push(done);
          else done();
        },
        close(done) {
          fake.closed += 1;
          done();
        },
        on: (_event, listener) => listeners.push(listener),
        resume() {},
        flush(done) {
          fake.flushed += 1;
          done();
        },
        ...(fake.patienceUs !== undefined && { patienceUs: fake.patienceUs }),
      };
      return port;
    },
  };
  return fake;
}
