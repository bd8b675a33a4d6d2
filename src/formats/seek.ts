/** Coming to a time in a file without reading what is before it: a search by halves over records that tell their time. */

/** A file that can be read anywhere. */
export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `offset` on; fewer than `length` at the file's end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes that are looked at for a record with a time: a few, then more (a frame's pixels have none), up to a megabyte. */
const glanceBytes = 1 << 12;
const blockBytes = 1 << 16;
const lookBytesMax = 1 << 20;

/**
 * Place of a record before which no event is at `timeUs` or later, at most 128 KiB before the first that is. Records
 * of `size` bytes begin at `fromByte`; `timeOf` tells the time of one, NaN for a record that has none. Undefined when
 * no record has a time, or when times that were looked at step back: then only reading everything tells.
 */
export async function findRecord(
  file: RandomAccess,
  fromByte: number,
  size: number,
  timeOf: (bytes: Uint8Array, at: number) => number,
  timeUs: number,
): Promise<number | undefined> {
  const firstWithTime = async (index: number) => {
    const start = fromByte + index * size;
    for (let offset = start; offset < start + lookBytesMax; ) {
      const bytes = await file.read(
        offset,
        size * Math.ceil((offset === start ? glanceBytes : blockBytes) / size),
      );
      if (bytes.length < size) return undefined;
      for (let at = 0; at + size <= bytes.length; at += size) {
        const foundUs = timeOf(bytes, at);
        if (!Number.isNaN(foundUs)) return { index: (offset + at - fromByte) / size, timeUs: foundUs };
      }
      offset += bytes.length - (bytes.length % size);
    }
    return undefined;
  };
  const step = blockBytes / size;
  let below = await firstWithTime(0);
  let end = Math.floor((file.size - fromByte) / size);
  if (!below) return undefined;
  const last = await firstWithTime(Math.max(below.index, Math.floor(end - step)));
  if (last && last.timeUs < below.timeUs) return undefined;
  let endUs = Number.POSITIVE_INFINITY;
  if (last && last.timeUs < timeUs) below = last;
  else if (last) {
    end = last.index;
    endUs = last.timeUs;
  }
  while (end - below.index > step) {
    const middle = below.index + Math.floor((end - below.index) / 2);
    const next = await firstWithTime(middle);
    const found = next && next.index < end ? next : undefined;
    if (found && (found.timeUs < below.timeUs || found.timeUs > endUs)) return undefined;
    if (found && found.timeUs < timeUs) below = found;
    else {
      end = middle;
      endUs = found?.timeUs ?? endUs;
    }
  }
  return fromByte + below.index * size;
}
