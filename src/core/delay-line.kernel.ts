/** As `delay-line.ts`: the spikes of one population that are still on their way. */

import { allocate, read, registers, write } from "./memory.kernel";

@unmanaged
export class Line {
  ids: usize;
  timesUs: usize;
  /** Spikes ever written, and a lower bound of those ever read; place k of the ring holds number n with n & mask == k. */
  written: i64;
  slowest: i64;
  mask: i64;
  capacityMax: i64;
  /** Spikes ever read, by each delay. */
  cursors: usize;
  cursorCount: i32;
  /** Which of the delayed groups reads at each. */
  readers: usize;
}

const startCapacity: i64 = 1024;

export function createLine(cursorCount: i32, readers: usize, capacityMax: i32): usize {
  const at = allocate(offsetof<Line>());
  const cursors = allocate(<f64>cursorCount * 8);
  const capacity = min(startCapacity, <i64>capacityMax);
  const ids = allocate(<f64>capacity * 4);
  const timesUs = allocate(<f64>capacity * 8);
  if (!at || !cursors || !ids || !timesUs) return 0;
  const line = changetype<Line>(at);
  line.ids = ids;
  line.timesUs = timesUs;
  line.mask = capacity - 1;
  line.capacityMax = capacityMax;
  line.cursors = cursors;
  line.cursorCount = cursorCount;
  line.readers = readers;
  return at;
}

/** Appends a spike; false when the line is full and the spike is lost. */
// @ts-ignore: decorator
@inline
export function push(line: Line, timeUs: f64, id: u32): bool {
  if (line.written - line.slowest > line.mask && !makeRoom(line)) return false;
  const place = <usize>(line.written & line.mask);
  store<f64>(line.timesUs + (place << 3), timeUs);
  store<u32>(line.ids + (place << 2), id);
  line.written += 1;
  return true;
}

function makeRoom(line: Line): bool {
  let slowest = i64.MAX_VALUE;
  for (let k = 0; k < line.cursorCount; k++) slowest = min(slowest, load<i64>(line.cursors + (<usize>k << 3)));
  line.slowest = slowest;
  const capacity = line.mask + 1;
  if (line.written - slowest < capacity) return true;
  return capacity < line.capacityMax && widen(line, capacity * 2);
}

/** Gives the ring so many places, a power of two, and keeps what is on its way. */
export function widen(line: Line, capacity: i64): bool {
  const ids = allocate(<f64>capacity * 4);
  const timesUs = allocate(<f64>capacity * 8);
  if (!ids || !timesUs) return false;
  for (let n = line.slowest; n < line.written; n++) {
    const from = <usize>(n & line.mask);
    const to = <usize>(n & (capacity - 1));
    store<u32>(ids + (to << 2), load<u32>(line.ids + (from << 2)));
    store<f64>(timesUs + (to << 3), load<f64>(line.timesUs + (from << 3)));
  }
  line.ids = ids;
  line.timesUs = timesUs;
  line.mask = capacity - 1;
  return true;
}

/** Numbers of the first spike on its way and of the next to be written, the mask, and where ids, times and cursors are. */
export function readLine(at: usize): usize {
  const line = changetype<Line>(at);
  write(0, <f64>line.slowest);
  write(1, <f64>line.written);
  write(2, <f64>line.mask);
  write(3, <f64>line.ids);
  write(4, <f64>line.timesUs);
  write(5, <f64>line.cursors);
  write(6, line.cursorCount);
  return registers;
}

/** Takes the first two back, with room for all that is on its way; false where there is none. */
export function writeLine(at: usize): bool {
  const line = changetype<Line>(at);
  line.slowest = <i64>read(0);
  line.written = <i64>read(1);
  let capacity = line.mask + 1;
  while (capacity < line.written - line.slowest) capacity *= 2;
  return capacity == line.mask + 1 || widen(line, capacity);
}
