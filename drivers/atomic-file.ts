/** A file that appears under its name only when it is complete; written behind the run, with a bound on what waits. */

import { access, type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ReflexarcError } from "../src/errors.ts";

/** Bytes that are written in one go. */
const chunkBytes = 1 << 20;
/** More than this waiting, and `settle` asks the run to wait. */
const waitingBytesMax = 4 << 20;

export interface FilePatch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Opened by `open`, or else when the first chunk is full; what goes wrong then is thrown by `settle` and `end`. */
export class AtomicFile {
  readonly path: string;
  /** Bytes so far. */
  bytes = 0;
  private readonly partPath: string;
  private readonly overwrite: boolean;
  private readonly full: Uint8Array<ArrayBuffer>[] = [];
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];
  private filling = new Uint8Array(0);
  private used = 0;
  private opening: Promise<FileHandle> | undefined;
  private writing: Promise<void> | undefined;
  private failure: unknown;

  constructor(path: string, { overwrite }: { overwrite: boolean }) {
    this.path = path;
    // Beside its place, so that the renaming stays on one disk.
    this.partPath = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
    this.overwrite = overwrite;
  }

  /** Throws a ReflexarcError when the file exists and may not be replaced, or its folder can't be written. */
  async open(): Promise<this> {
    this.opening ??= this.openPart();
    await this.opening;
    return this;
  }

  /** Takes a copy. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.used === this.filling.length) this.turn();
      const count = Math.min(bytes.length - at, this.filling.length - this.used);
      this.filling.set(bytes.subarray(at, at + count), this.used);
      this.used += count;
      at += count;
    }
    this.bytes += bytes.length;
  }

  settle(): Promise<void> | undefined {
    if (this.failure) return Promise.reject(this.error(this.failure));
    return this.full.length * chunkBytes > waitingBytesMax ? this.drained() : undefined;
  }

  /** Writes what is left and the patches, and gives the file its name. */
  async end(patches: readonly FilePatch[] = []): Promise<void> {
    try {
      await this.open();
      if (this.used > 0) this.full.push(this.filling.subarray(0, this.used));
      await this.drained();
      const handle = await this.opening!;
      for (const { offset, bytes } of patches) await writeAll(handle, bytes, offset);
      await handle.sync();
      await handle.close();
      await rename(this.partPath, this.path);
    } catch (cause) {
      await this.discard();
      throw this.error(cause);
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    this.full.length = 0;
    await this.writing?.catch(() => {});
    const handle = await this.opening?.catch(() => undefined);
    await handle?.close().catch(() => {});
    if (handle) await rm(this.partPath, { force: true }).catch(() => {});
  }

  private async openPart(): Promise<FileHandle> {
    if (!this.overwrite && (await exists(this.path))) {
      throw new ReflexarcError({
        kind: "usage",
        room: "file",
        what: "the file exists already",
        where: this.path,
        remedy: "Choose another name, or replace it with --force (in a document: force: true).",
      });
    }
    return await open(this.partPath, "w").catch((cause) => {
      throw this.error(cause);
    });
  }

  /** The chunk at hand is full: it waits to be written, and an empty one is filled. */
  private turn(): void {
    if (this.used > 0) this.full.push(this.filling);
    this.filling = this.spare.pop() ?? new Uint8Array(chunkBytes);
    this.used = 0;
    this.startWriting();
  }

  private startWriting(): void {
    this.writing ??= this.writeFull().finally(() => {
      this.writing = undefined;
    });
  }

  private async writeFull(): Promise<void> {
    try {
      await this.open();
      const handle = await this.opening!;
      for (let chunk = this.full[0]; chunk; chunk = this.full[0]) {
        await writeAll(handle, chunk, null);
        this.full.shift();
        if (chunk.length === chunkBytes && this.spare.length < 4) this.spare.push(chunk);
      }
    } catch (cause) {
      this.failure = cause;
      this.full.length = 0;
    }
  }

  private async drained(): Promise<void> {
    while (this.full.length > 0 || this.writing) {
      this.startWriting();
      await this.writing;
    }
    if (this.failure) throw this.error(this.failure);
  }

  private error(cause: unknown): unknown {
    if (cause instanceof ReflexarcError) return cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    const [what, remedy] = reasons[code] ?? [`it can't be written (${code})`, "Check the disk."];
    return new ReflexarcError({ kind: "usage", room: "file", what, where: this.path, remedy }, { cause });
  }
}

const reasons: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOENT: ["its folder doesn't exist", "Make the folder, or name another one."],
  EACCES: ["writing there is not permitted", "Name a folder that you may write to."],
  EISDIR: ["this is a folder", "Name a file in it."],
  ENOSPC: ["the disk is full", "Make room, or name a file on another disk."],
};

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(
      bytes,
      at,
      bytes.length - at,
      position === null ? null : position + at,
    );
    at += bytesWritten;
  }
}
