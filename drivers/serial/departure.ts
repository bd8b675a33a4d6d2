/** What was handed to a serial port and may not have left the machine yet. */

import type { Clock } from "../../src/clock.ts";
import type { PortLike } from "./port.ts";

/**
 * What is on its way may occupy the line for so long before another frame has to wait. To ask the system whether a frame has
 * left is a detour over a thread: when each frame waited for that, every twelfth of 1,000 a second was replaced meanwhile.
 */
const lineUsMax = 4000;
/** A start bit, eight of data, a stop bit. */
const bitsPerByte = 10;
const secondLookUs = 20_000;

/** Of one opened port; `lose` is called once, when it takes no bytes any more or a write fails, and then nothing any more. */
export class Departure {
  readonly #port: PortLike;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #lose: (why: string) => void;
  readonly #bytesMax: number;
  /** Handed to the system, and not known to have left. */
  #bytes = 0;
  #frames = 0;
  #writing = false;
  #asking = false;
  /** Something is on its way, and since when nothing has left. */
  #stillness: { readonly sinceUs: number } | undefined;
  #watching = false;
  #over = false;
  /** Lets the next frame come, once there is room for it. */
  #next: (() => void) | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(
    port: PortLike,
    around: { baudRate: number; clock: Clock; signal: AbortSignal; lose: (why: string) => void },
  ) {
    this.#port = port;
    this.#clock = around.clock;
    this.#signal = around.signal;
    this.#lose = around.lose;
    this.#bytesMax = port.oneAtATime ? 0 : (lineUsMax * around.baudRate) / bitsPerByte / 1e6;
  }

  /** Frames that were let go and are not known to have left, without the one that `send` has not called back for. */
  get frames(): number {
    return this.#frames - (this.#next ? 1 : 0);
  }

  /** Hands the frame over; calls back when another one may follow. One at a time. */
  send(frame: Uint8Array, next: () => void): void {
    this.#writing = true;
    this.#stillness ??= { sinceUs: this.#clock.nowUs() };
    this.#port.write(frame, (error) => {
      if (this.#over) return;
      if (error) return this.#lose(error.message);
      this.#writing = false;
      this.#bytes += frame.length;
      this.#frames += 1;
      this.#next = next;
      this.#ask();
      this.#settle();
    });
    if (this.#port.patienceUs !== undefined && !this.#watching) void this.#watch(this.#port.patienceUs);
  }

  /** Resolves when all has left, or nothing will any more. */
  empty(): Promise<void> {
    if (this.#over || !this.#stillness) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** The port is gone, or let go: whatever calls back now is not heard. */
  end(): void {
    this.#over = true;
    this.#tellEmpty();
  }

  /** Asks once for all that has been written so far. */
  #ask(): void {
    if (this.#asking || this.#bytes === 0) return;
    this.#asking = true;
    const [bytes, frames] = [this.#bytes, this.#frames];
    this.#port.drain(() => {
      if (this.#over) return;
      this.#asking = false;
      this.#bytes -= bytes;
      this.#frames -= frames;
      const more = this.#writing || this.#bytes > 0;
      this.#stillness = more ? { sinceUs: this.#clock.nowUs() } : undefined;
      this.#settle();
      this.#ask();
      if (!this.#stillness) this.#tellEmpty();
    });
  }

  #settle(): void {
    const next = this.#next;
    if (!next || (this.#bytes > 0 && this.#bytes >= this.#bytesMax)) return;
    this.#next = undefined;
    next();
  }

  #tellEmpty(): void {
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** One timer, however many frames. */
  async #watch(patienceUs: number): Promise<void> {
    this.#watching = true;
    while (this.#stillness && !this.#over) {
      const still = this.#stillness;
      await this.#clock.until(still.sinceUs + patienceUs - secondLookUs, this.#signal);
      if (this.#signal.aborted) break;
      if (still !== this.#stillness) continue;
      // A process that was stopped and goes on sees its timers before what the line did meanwhile. So the last part is
      // waited for by itself: a frame that has left has told so by then.
      await this.#clock.until(this.#clock.nowUs() + secondLookUs, this.#signal);
      if (still === this.#stillness && !this.#over && !this.#signal.aborted)
        this.#lose("it takes no bytes any more");
    }
    this.#watching = false;
  }
}
