/** Takes away the echo of a half-duplex adapter that hears itself, and nothing else. */

export interface EchoFilter {
  /** These bytes go out, and may come back. */
  sent(bytes: Uint8Array): void;
  /** What came in, without what is an echo. */
  strip(bytes: Uint8Array): Uint8Array;
}

/** An adapter with more than this behind does not echo. */
const expectedBytesMax = 1024;

/**
 * An echo begins with the first byte of a frame and ends with its last. At the first byte that differs, all that matched
 * was no echo: it is given back, and nothing is expected any more until the next frame goes out.
 */
export function echoFilter(): EchoFilter {
  let expected: number[] = [];
  /** Of `expected`: how many were seen, and where the frames end. */
  let seen = 0;
  let ends: number[] = [];

  const forget = () => {
    expected = [];
    ends = [];
    seen = 0;
  };

  return {
    sent(bytes) {
      if (expected.length + bytes.length > expectedBytesMax) forget();
      expected.push(...bytes);
      ends.push(expected.length);
    },
    strip(bytes) {
      if (expected.length === 0) return bytes;
      const rest: number[] = [];
      for (const byte of bytes) {
        if (byte !== expected[seen]) {
          rest.push(...expected.slice(0, seen), byte);
          forget();
          continue;
        }
        seen += 1;
        if (seen === ends[0]) {
          expected = expected.slice(seen);
          ends = ends.slice(1).map((end) => end - seen);
          seen = 0;
        }
      }
      return Uint8Array.from(rest);
    },
  };
}
