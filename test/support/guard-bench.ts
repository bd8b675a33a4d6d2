/** A run and its guard process in virtual time: two processes that can be killed and stopped, and the line between them. */

import { z } from "zod";
import type { OpenPort } from "../../drivers/serial/port.ts";
import serialLine, * as serialLineDriver from "../../drivers/serial-line.ts";
import { type Clock, type VirtualClock, virtualClock } from "../../src/clock.ts";
import type { GuardHost } from "../../src/pipeline/guard-host.ts";
import * as guardHost from "../../src/pipeline/guard-host.ts";
import {
  type Channel,
  connectGuard,
  type FromGuard,
  type GuardProcess,
  type ToGuard,
} from "../../src/pipeline/guard-link.ts";
import type { GuardedActuator } from "../../src/pipeline/guarded.ts";
import type { Command } from "../../src/safety/command.ts";
import { type GuardOptions, guardOptions } from "../../src/safety/limits.ts";
import { anyOptions } from "../../src/stage.ts";

/** A process: stopped, its timers are silent, though time goes on; each of them runs once when it continues. */
class Process {
  readonly clock: Clock;
  stopped = false;
  readonly #missed = new Set<() => void>();

  constructor(wall: VirtualClock) {
    const orLater = (what: () => void) => (this.stopped ? this.#missed.add(what) : what());
    this.clock = {
      ...wall,
      at: (timeUs, wake) => {
        const run = () => wake();
        const end = wall.at(timeUs, () => orLater(run));
        return () => {
          this.#missed.delete(run);
          end();
        };
      },
      every: (periodUs, tick) => {
        const run = () => tick(wall.nowUs());
        const end = wall.every(periodUs, () => orLater(run));
        return () => {
          this.#missed.delete(run);
          end();
        };
      },
      until: (timeUs, signal) =>
        wall.until(timeUs, signal).then(() => new Promise<void>((resolve) => void orLater(resolve))),
    };
  }

  runMissed(): void {
    const missed = [...this.#missed];
    this.#missed.clear();
    for (const what of missed) what();
  }
}

/** One direction of the line: messages wait while their reader is stopped. */
class Pipe<Message> {
  /** All that was ever sent. */
  readonly sent: Message[] = [];
  #waiting: Message[] = [];
  #heard: (message: Message) => void = () => {};
  #closed: (why: string) => void = () => {};
  #isClosed = false;
  readonly #reader: Process;
  readonly #onHeard: (message: Message) => void;

  constructor(reader: Process, onHeard: (message: Message) => void = () => {}) {
    this.#reader = reader;
    this.#onHeard = onHeard;
  }

  send(message: Message): void {
    if (this.#isClosed) return;
    // As JSON, as on a real line.
    this.sent.push(message);
    this.#waiting.push(JSON.parse(JSON.stringify(message)));
    this.deliver();
  }

  listen(heard: (message: Message) => void, closed: (why: string) => void): void {
    this.#heard = heard;
    this.#closed = closed;
    this.deliver();
  }

  close(): void {
    this.#isClosed = true;
    this.deliver();
  }

  deliver(): void {
    if (this.#reader.stopped) return;
    for (const message of this.#waiting.splice(0)) {
      this.#onHeard(message);
      this.#heard(message);
    }
    if (this.#isClosed) this.#closed("the line closed");
    if (this.#isClosed) this.#closed = () => {};
  }
}

export interface Frame {
  readonly atMs: number;
  /** Pulse width, 0 for a release. */
  readonly us: number;
}

export type Happening = Frame | { readonly atMs: number; readonly heard: ToGuard };

export interface BenchChoices {
  readonly guard?: Partial<z.input<z.ZodObject<typeof guardOptions>>>;
  readonly speed?: number;
  readonly traced?: boolean;
  /** Its name sets the jitter of its reopening; one of its own by default. */
  readonly portPath?: string;
  /** Where bytes go, besides being kept. */
  readonly openPort?: OpenPort;
  /** What the readout wants at a time, degrees; undefined for no command. */
  readonly want?: (atMs: number) => number | undefined;
  /** How late the run is at a time, milliseconds. */
  readonly lateMs?: (atMs: number) => number;
  /** Changes a command before it is sent. */
  readonly spoil?: (command: Command) => Command;
  /** Until when the port keeps a frame that is written now, milliseconds; at once by default. */
  readonly portFreeMs?: (atMs: number) => number;
  /** The guard's side of the line, and its driver; others have a fault in them. */
  readonly modules?: {
    readonly hostGuards: typeof guardHost.hostGuards;
    readonly openSerialLine: typeof serialLineDriver.openSerialLine;
  };
  /** Length of a step in which time goes by, milliseconds; 1 by default. */
  readonly stepMs?: number;
}

/** A port of its own for each bench: open ports are shared within a process. */
let ports = 0;

const packetUs = 10_000;
const gridUs = 20_000;

/** The slope of the default wish is below the default slew limit. */
const slowSweep = (atMs: number) => 90 + 40 * Math.sin(atMs / 500);

/** A serial servo behind the guard process; `pass` lets time go by, while the run says every packet of 10 ms what it wants. */
export class GuardBench {
  readonly wall = virtualClock();
  readonly run = new Process(this.wall);
  readonly guard = new Process(this.wall);
  readonly frames: Frame[] = [];
  readonly notices: string[] = [];
  readonly connections: string[] = [];
  readonly records: { atUs: number; record: { wire?: string; guard?: string; cause?: string } }[] = [];
  /** Packet times that the guard said it has reached. */
  readonly reachedUs: number[] = [];
  lost: string | undefined;
  /** What the guard heard and what reached the wire, in order. */
  readonly history: Happening[] = [];
  readonly toGuard = new Pipe<ToGuard>(this.guard, (heard) =>
    this.history.push({ atMs: this.wall.nowUs() / 1000, heard }),
  );
  readonly toRun = new Pipe<FromGuard>(this.run);
  readonly process: GuardProcess;
  readonly host: GuardHost;
  /** Pulls the plug. */
  unplug: () => void = () => {};
  actuator!: GuardedActuator;
  #runDead = false;
  #saidUs = 0;
  #sequence = 0;
  readonly #choices: BenchChoices;

  static async armed(choices: BenchChoices = {}): Promise<GuardBench> {
    const bench = new GuardBench(choices);
    const guard = z.object(guardOptions).parse({
      limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300, startDegPerS: 300 },
      ...choices.guard,
    }) as GuardOptions;
    bench.actuator = await bench.process.open(
      "pan",
      {
        use: "serial-line",
        options: serialLine.options.parse({ port: choices.portPath ?? `bench ${++ports}` }),
        guard,
        pipeline: "bench",
        seed: 1,
        speed: choices.speed ?? 1,
        traced: choices.traced ?? true,
      },
      {
        tap: {
          say: (atUs, record) => bench.records.push({ atUs, record }),
          reached: (toUs) => bench.reachedUs.push(toUs),
        },
        connection: (state) => bench.connections.push(state),
      },
    );
    bench.actuator.begin(0);
    bench.actuator.request("arm");
    return bench;
  }

  private constructor(choices: BenchChoices) {
    this.#choices = choices;
    const ends = <In, Out>(reads: Pipe<In>, writes: Pipe<Out>): Channel<In, Out> => ({
      send: (message) => writes.send(message),
      listen: (heard, closed) => reads.listen(heard, closed),
      close: () => writes.close(),
    });
    const keep: OpenPort = async (path, baudRate) => {
      const inner = await choices.openPort?.(path, baudRate);
      return {
        write: (bytes, done) => {
          for (const [, us] of Buffer.from(bytes)
            .toString()
            .matchAll(/#0P(\d+)\r/g))
            this.#onWire({ atMs: this.wall.nowUs() / 1000, us: Number(us) });
          if (inner) inner.write(bytes, done);
          else done();
        },
        ...(choices.portFreeMs && { patienceUs: 250_000 }),
        drain: (done) => {
          if (inner) return inner.drain(done);
          const freeUs = 1000 * (choices.portFreeMs?.(this.wall.nowUs() / 1000) ?? 0);
          if (freeUs <= this.wall.nowUs()) done();
          else this.guard.clock.at(freeUs, () => done());
        },
        close: (done) => done(),
        on: (_event, listener) => {
          this.unplug = () => listener(new Error("the cable is out"));
        },
        resume() {},
      };
    };
    const { hostGuards } = choices.modules ?? guardHost;
    const { openSerialLine } = choices.modules ?? serialLineDriver;
    const driver = {
      ...anyOptions(serialLine),
      open: (options: never, context: never) => openSerialLine(options, context, keep),
    };
    this.host = hostGuards({
      channel: ends(this.toGuard, this.toRun),
      clock: this.guard.clock,
      drivers: new Map([["serial-line", driver]]),
      resolvePath: (path) => path,
    });
    this.process = connectGuard(ends(this.toRun, this.toGuard), this.run.clock, {
      lost: (why) => {
        this.lost = why;
      },
      notice: (text) => this.notices.push(text),
    });
  }

  #onWire(frame: Frame): void {
    this.frames.push(frame);
    this.history.push(frame);
  }

  /** Lets time go by, a step at a time. */
  async pass(forMs: number, each: () => void = () => {}): Promise<void> {
    const { stepMs = 1 } = this.#choices;
    for (let i = 0; i < forMs; i += stepMs) {
      this.wall.advance(this.wall.nowUs() + 1000 * stepMs);
      await settled();
      if (!this.run.stopped && !this.#runDead) this.#sayPackets();
      await settled();
      each();
    }
  }

  /** SIGKILL of the run: the line closes. */
  killRun(): void {
    this.#runDead = true;
    this.run.stopped = true;
    this.toGuard.close();
  }

  /** SIGKILL of the guard: whatever it would do, it does not. */
  killGuard(): void {
    this.guard.stopped = true;
    this.toRun.close();
  }

  /** SIGCONT. What waits in the line and what waits for the clock come in either order. */
  continue(which: Process, first: "messages" | "timers"): void {
    which.stopped = false;
    const deliver = () => (which === this.guard ? this.toGuard : this.toRun).deliver();
    if (first === "messages") deliver();
    which.runMissed();
    deliver();
  }

  #sayPackets(): void {
    const { want = slowSweep, lateMs = () => 0, speed = 1 } = this.#choices;
    const nowMs = this.wall.nowUs() / 1000;
    const dueUs = (nowMs - lateMs(nowMs)) * 1000 * speed;
    for (; this.#saidUs + packetUs <= dueUs; this.#saidUs += packetUs) {
      const [fromUs, toUs] = [this.#saidUs, this.#saidUs + packetUs];
      const value = toUs % gridUs === 0 ? want(toUs / 1000) : undefined;
      const commands: Command[] =
        value === undefined
          ? []
          : [{ atUs: toUs, name: "aim", value, unit: "deg", ttlUs: 100_000, sequence: this.#sequence++ }];
      const { spoil } = this.#choices;
      this.actuator.step({ fromUs, toUs, commands: spoil ? commands.map(spoil) : commands });
    }
  }
}

/** Lets promises that are due run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}
