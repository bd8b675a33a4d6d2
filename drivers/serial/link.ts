/** A serial line that answers: replies reach whoever asked, and nothing else is said until they came. */

import { ReflexarcError } from "../../src/errors.ts";
import type { Said } from "../../src/safety/command.ts";
import type { ActuatorContext } from "../../src/stage.ts";
import { echoFilter } from "./echo.ts";
import { joinPort, type OpenPort, type PortLike, type PortShare } from "./port.ts";
import { portPath } from "./ports.ts";

/** A port of the package serialport that is read, too. */
export interface TalkingPort extends Omit<PortLike, "on"> {
  on(event: "close" | "error", listener: (error?: Error | null) => void): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
}

export type OpenTalkingPort = (path: string, baudRate: number) => Promise<TalkingPort>;

/**
 * Opens a port with the package serialport, which is loaded only now. `rtscts` is the flow control of very fast lines;
 * `lowLatency` asks an FTDI adapter not to sit on a reply for 16 ms, where the system knows how.
 */
export function talkingPort({ rtscts = false, lowLatency = false } = {}): OpenTalkingPort {
  return async (given, baudRate) => {
    const path = portPath(given);
    const { SerialPort } = await import("serialport");
    return new Promise((resolve, reject) => {
      const port = new SerialPort({ path, baudRate, rtscts, autoOpen: false });
      port.open((error) => {
        if (error) return reject(error);
        const flags: object = { lowLatency };
        if (lowLatency) port.set(flags, () => {});
        resolve(port);
      });
    });
  };
}

export interface LinkSetup<Reply> {
  readonly path: string;
  readonly baudRate: number;
  readonly context: Pick<ActuatorContext, "id" | "clock" | "signal" | "connection"> &
    Partial<Pick<ActuatorContext, "missed">>;
  /** One wire for both directions: an adapter that echoes what it is sent has its echo taken away. */
  readonly halfDuplex?: boolean;
  /** Takes bytes as they come, in any cut, and answers the replies that they complete. */
  parse(bytes: Uint8Array): readonly Reply[];
  /** Forgets half a reply: a new question is going out, and what comes now begins with its answer. */
  reset?(): void;
  /** Gets every reply that nobody asked for: a banner, a push, other drivers' replies. `lose` is the link's own. */
  heard?(reply: Reply, lose: Link<Reply>["lose"]): void;
  /** The port was opened, or opened again: what was heard before is past. */
  opened?(): void;
  /**
   * Finds out whether the device is there, and readies it without moving it; asked at the opening and after each loss.
   * An error that it throws is the opening's; after a loss it counts as no answer.
   */
  probe?(link: Asking<Reply>): Promise<boolean>;
  /** Asks the device how it is, between frames, every `pollUs`. False when it did not answer. */
  poll?(link: Asking<Reply>): Promise<boolean>;
  readonly pollUs?: number;
  /** The reply that ends a move: until it came, or 40 ms have passed, nothing but a release is sent. */
  endsMove?(reply: Reply): boolean;
  /** What to try when the device doesn't answer at the opening, as a sentence. */
  readonly remedy?: string;
}

export interface Asking<Reply> {
  /** Nobody else was on this port when it was joined. */
  readonly first: boolean;
  /** Sends a frame and resolves with the reply that `wanted` accepts; undefined after `withinUs` (50 ms by default). */
  ask(frame: Uint8Array, wanted: (reply: Reply) => boolean, withinUs?: number): Promise<Reply | undefined>;
  /** Sends a frame that moves nothing; resolves when it has left. */
  say(frame: Uint8Array): Promise<void>;
}

export interface Link<Reply> extends Asking<Reply> {
  /** Sends a frame that `encode` made, as a PortShare does; a move is dropped until the device has answered. */
  write(frame: Uint8Array, said: Said): void;
  /** The driver found its device gone (or restarted): tells so, and probes until it answers again. */
  lose(why: string): void;
  leave(): Promise<void>;
  counts(): Readonly<Record<string, number>>;
}

/** Silences in a row after which a device counts as lost. */
const silencesMax = 3;
const askUsMax = 50_000;
/** Shorter than a move may wait (wire/latest.ts): after a lost reply the newest one still goes out. */
const moveUsMax = 40_000;
/** A frame may wait this long for the line before it is on it (wire/latest.ts drops it then). */
const lineUsMax = 100_000;
const probeAgainUs = 1_000_000;
/** A question moves nothing, and like a release it may wait. */
const asIfReleased: Said = { action: "release" };

/** What is known of a frame that waits for the line. */
interface Ticket {
  /** False once the connection it was meant for is gone: it must not go out any more. */
  readonly good: () => boolean;
  readonly begins?: () => void;
  /** The frame is on the wire; `done` frees the line for the next one. */
  readonly sent?: (done: () => void) => void;
}

interface Question<Reply> {
  /** Its frame went out, so what comes now may be its answer. */
  onAir: boolean;
  wanted(reply: Reply): boolean;
  finish(reply: Reply | undefined): void;
}

interface Member {
  /** Its question is on the wire. */
  asks(): boolean;
  hear(bytes: Uint8Array): void;
  opened(): void;
}

interface Hub {
  readonly members: Set<Member>;
  readonly tickets: WeakMap<Uint8Array, Ticket>;
  halfDuplex: boolean;
  /** Releases that wait for the line: meanwhile no question and no move keeps it. */
  readonly hurried: Map<Member, Uint8Array>;
  /** Frees the line from whatever keeps it. */
  free(): void;
}

/** The ports that are listened to: several servos of one bus are several drivers on one port. */
const hubs = new Map<string, Hub>();

/** Joins a port and probes the device. Throws a device error when the port can't be opened or the device is silent. */
export async function openLink<Reply>(setup: LinkSetup<Reply>, open: OpenTalkingPort): Promise<Link<Reply>> {
  const { path, baudRate, context } = setup;
  const { id, clock, signal, missed } = context;
  const hub = hubs.get(path) ?? newHub();
  hubs.set(path, hub);
  hub.halfDuplex ||= setup.halfDuplex ?? false;

  const first = hub.members.size === 0;
  let ready = false;
  let left = false;
  /** Counts connections: what was meant for an older one is never sent. */
  let connection = 0;
  let toldLost = false;
  let silences = 0;
  let dropped = 0;
  let stopPolling = () => {};
  let share: PortShare;
  let questions: PortShare;
  let question: Question<Reply> | undefined;
  let moving: { end(): void } | undefined;

  const member: Member = {
    asks: () => question?.onAir || moving !== undefined,
    hear(bytes) {
      for (const reply of setup.parse(bytes)) {
        if (setup.endsMove?.(reply)) moving?.end();
        if (question?.onAir && question.wanted(reply)) question.finish(reply);
        else setup.heard?.(reply, lose);
      }
    },
    opened: () => setup.opened?.(),
  };

  const ask: Asking<Reply>["ask"] = (given, wanted, withinUs = askUsMax) =>
    new Promise((resolve) => {
      const frame = given.slice();
      const wasFor = connection;
      let free = () => {};
      const own: Question<Reply> = {
        onAir: false,
        wanted,
        finish(reply) {
          if (question !== own) return;
          question = undefined;
          free();
          resolve(reply);
        },
      };
      question = own;
      const giveUp = () => own.finish(undefined);
      hub.tickets.set(frame, {
        good: () => question === own && connection === wasFor,
        begins() {
          own.onAir = true;
          setup.reset?.();
        },
        sent(done) {
          if (question !== own) return done();
          free = done;
          void clock.until(clock.nowUs() + withinUs).then(giveUp);
        },
      });
      questions.write(frame, asIfReleased);
      void clock.until(clock.nowUs() + lineUsMax + withinUs, signal).then(giveUp);
    });

  const say: Asking<Reply>["say"] = (given) =>
    new Promise((resolve) => {
      const frame = given.slice();
      const wasFor = connection;
      const sent = (done: () => void) => {
        done();
        resolve();
      };
      hub.tickets.set(frame, { good: () => connection === wasFor && !left, sent });
      questions.write(frame, asIfReleased);
      void clock.until(clock.nowUs() + lineUsMax, signal).then(resolve);
    });

  const ticketOf = (action: "move" | "release"): Ticket => {
    const wasFor = connection;
    const good = () => action === "release" || wasFor === connection;
    if (action === "release" || !setup.endsMove) return { good };
    let free = () => {};
    const own = {
      end() {
        if (moving !== own) return;
        moving = undefined;
        free();
      },
    };
    return {
      good,
      begins() {
        moving = own;
      },
      sent(done) {
        if (moving !== own) return done();
        free = done;
        void clock.until(clock.nowUs() + moveUsMax).then(own.end);
      },
    };
  };

  const asking: Asking<Reply> = { first, ask, say };

  const becomeReady = () => {
    ready = true;
    silences = 0;
    if (!setup.poll) return;
    let polling = false;
    stopPolling = clock.every(setup.pollUs ?? 50_000, () => {
      if (polling || !ready || left) return;
      polling = true;
      const wasFor = connection;
      void setup.poll!(asking).then((answered) => {
        polling = false;
        if (wasFor !== connection || left) return;
        silences = answered ? 0 : silences + 1;
        if (silences >= silencesMax) lose("the device does not answer any more");
      });
    });
  };

  const probe = async () => (setup.probe ? setup.probe(asking) : true);

  /** After a loss: probes until the device answers, and only then says that it is back. */
  const greet = async (why: string) => {
    const wasFor = connection;
    while (!left && !signal.aborted && wasFor === connection) {
      const answered = await probe().catch(() => false);
      if (wasFor !== connection || left) return;
      if (answered) {
        toldLost = false;
        becomeReady();
        return context.connection("connected", why);
      }
      await clock.until(clock.nowUs() + probeAgainUs, signal);
    }
  };

  const breakOff = (why: string) => {
    ready = false;
    connection += 1;
    question?.finish(undefined);
    moving?.end();
    stopPolling();
    if (!toldLost) context.connection("lost", why);
    toldLost = true;
  };

  const lose = (why: string) => {
    if (left || !ready) return;
    breakOff(why);
    void greet("the device answers again");
  };

  const leave = async () => {
    if (left) return;
    left = true;
    stopPolling();
    question?.finish(undefined);
    moving?.end();
    await questions.leave();
    await share.leave();
    hub.hurried.delete(member);
    hub.members.delete(member);
    if (hub.members.size === 0) hubs.delete(path);
  };

  hub.members.add(member);
  const openHub = listeningTo(hub, open);
  const onPort = (state: "connected" | "lost", why: string) => {
    if (left) return;
    if (state === "lost") breakOff(why);
    else void greet(why);
  };
  try {
    share = await joinPort({ path, baudRate, id, clock, signal, connection: onPort, missed }, openHub);
    questions = await joinPort(
      { path, baudRate, id: `${id} asks`, clock, signal, connection: () => {} },
      openHub,
    );
  } catch (error) {
    hub.members.delete(member);
    if (hub.members.size === 0) hubs.delete(path);
    throw error;
  }
  const wasFor = connection;
  const answered = await probe().catch(async (error) => {
    await leave();
    throw error;
  });
  if (!answered || wasFor !== connection) {
    await leave();
    const remedy = setup.remedy ?? "Check its power, its cable, its baudRate and its id.";
    throw new ReflexarcError({
      kind: "device",
      room: id,
      what: "the device does not answer",
      where: path,
      remedy,
    });
  }
  becomeReady();

  return {
    ...asking,
    lose,
    leave,
    write(frame, said) {
      if (left) return;
      if (!ready && said.action === "move") {
        dropped += 1;
        return;
      }
      hub.tickets.set(frame, ticketOf(said.action));
      if (said.action === "release") hub.hurried.set(member, frame);
      share.write(frame, said);
      // Where both ends may speak at once, a release waits for no answer; on one wire it would garble both.
      if (said.action === "release" && !hub.halfDuplex) hub.free();
    },
    counts() {
      const own = share.counts();
      const key = "dropped while disconnected";
      return dropped > 0 ? { ...own, [key]: (own[key] ?? 0) + dropped } : own;
    },
  };
}

const newHub = (): Hub => ({
  members: new Set(),
  tickets: new WeakMap(),
  halfDuplex: false,
  hurried: new Map(),
  free() {},
});

/** Opens a port so that its bytes reach all members, and so that a question keeps the line until it is answered. */
function listeningTo(hub: Hub, open: OpenTalkingPort): OpenPort {
  return async (path, baudRate) => {
    const port = await open(path, baudRate);
    const echo = echoFilter();
    hub.hurried.clear();
    for (const member of [...hub.members]) member.opened();
    port.on("data", (bytes) => {
      const news = hub.halfDuplex ? echo.strip(bytes) : bytes;
      if (news.length === 0) return;
      // Whose question is on the wire hears last: its answer frees the line, and the next question begins at once.
      const members = [...hub.members].sort((a, b) => Number(a.asks()) - Number(b.asks()));
      for (const member of members) member.hear(news);
    });
    let onAir: Ticket | undefined;
    return {
      // A question keeps the line until it is answered: answers don't say whose they are.
      oneAtATime: true,
      write(bytes, done) {
        onAir = hub.tickets.get(bytes);
        for (const [member, frame] of hub.hurried) if (frame === bytes) hub.hurried.delete(member);
        if (onAir && !onAir.good()) return done();
        onAir?.begins?.();
        if (hub.halfDuplex) echo.sent(bytes);
        port.write(bytes, done);
      },
      drain(done) {
        const ticket = onAir;
        port.drain((error) => {
          if (error || !ticket?.sent) return done(error);
          let kept = true;
          hub.free = () => {
            if (kept) done();
            kept = false;
          };
          ticket.sent(hub.free);
          if (hub.hurried.size > 0 && !hub.halfDuplex) hub.free();
        });
      },
      close: (done) => port.close(done),
      on: (event, listener) => port.on(event, listener),
      resume: () => port.resume(),
    };
  };
}
