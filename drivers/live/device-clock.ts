/** A device's clock laid over the run's: bytes come late, never early, so the quickest of them tell the offset. */

/** A step of more than this is a restarted or adjusted device, not drift. */
const jumpUs = 100_000;
const windowUs = 1_000_000;
/** Clocks drift by some tens of microseconds a second; more than this in a window is followed window by window. */
const slewUsMax = 1000;

/**
 * Run time = device time + offset. The offset falls at once when an event would come before it was made, and rises by at
 * most 1 ms a second when even the quickest bytes of a second came late: the lower envelope of the arrivals.
 */
export class DeviceClock {
  /** What to add to a device time; not a number before the first one. */
  offsetUs = Number.NaN;
  /** Times at which the device's clock was not where it was expected, and was taken up anew. */
  jumps = 0;
  /** How late the quickest bytes of the last second were, microseconds. */
  delayUs = 0;
  #settledUs = Number.NaN;
  #lastDeviceUs = Number.NEGATIVE_INFINITY;
  #windowFromUs = 0;
  #quickestUs = Number.POSITIVE_INFINITY;

  /** How far the device's clock has moved against the run's since the first second, microseconds. */
  get driftUs(): number {
    return Number.isNaN(this.#settledUs) ? 0 : this.offsetUs - this.#settledUs;
  }

  /** An event of a device time has arrived. Call it with the last event of each piece, before its times are used. */
  meet(deviceUs: number, arrivalUs: number): void {
    const lateUs = arrivalUs - deviceUs - this.offsetUs;
    const jumped = deviceUs < this.#lastDeviceUs - jumpUs || lateUs < -jumpUs;
    if (jumped) this.jumps += 1;
    if (jumped || Number.isNaN(lateUs)) {
      this.#begin(deviceUs, arrivalUs);
      return;
    }
    this.#lastDeviceUs = Math.max(this.#lastDeviceUs, deviceUs);
    if (lateUs < 0) this.offsetUs += lateUs;
    this.#quickestUs = Math.min(this.#quickestUs, Math.max(0, lateUs));
    if (arrivalUs - this.#windowFromUs < windowUs) return;
    this.delayUs = this.#quickestUs;
    if (this.#quickestUs > jumpUs) {
      this.jumps += 1;
      this.offsetUs += this.#quickestUs;
      this.#settledUs = Number.NaN;
    } else this.offsetUs += Math.min(slewUsMax, this.#quickestUs);
    if (Number.isNaN(this.#settledUs)) this.#settledUs = this.offsetUs;
    this.#windowFromUs = arrivalUs;
    this.#quickestUs = Number.POSITIVE_INFINITY;
  }

  #begin(deviceUs: number, arrivalUs: number): void {
    this.offsetUs = arrivalUs - deviceUs;
    this.#settledUs = Number.NaN;
    this.#lastDeviceUs = deviceUs;
    this.#windowFromUs = arrivalUs;
    this.#quickestUs = Number.POSITIVE_INFINITY;
  }
}
