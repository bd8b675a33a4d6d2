/** Something that a device says by itself, which may be waited for, and which may have come already. */

export interface Awaited {
  readonly here: boolean;
  readonly came: Promise<void>;
  arrive(): void;
}

export function awaited(): Awaited {
  let resolve = () => {};
  const came = new Promise<void>((done) => {
    resolve = done;
  });
  let here = false;
  return {
    get here() {
      return here;
    },
    came,
    arrive() {
      here = true;
      resolve();
    },
  };
}
