/** What ROS bags and MCAP files share: records in chunks, which may be compressed, and messages among them. */

import type { PixelGeometry } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed, Scratch } from "./byte-feed.ts";
import { decodeBzip2 } from "./bzip2.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type Problem,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { decodeLz4Frames } from "./lz4.ts";
import { RosTopics } from "./ros-topics.ts";
import { decodeZstdFrames } from "./zstd.ts";

/** Largest record that is held whole: a compressed chunk as stored, a message, a description. Recorders write some MiB. */
const heldBytesMax = 1 << 26;
/** Largest chunk unpacked. */
const chunkBytesMax = 1 << 27;

const unpackers = { lz4: decodeLz4Frames, zstd: decodeZstdFrames, bz2: decodeBzip2 } as const;
export type ChunkCompression = keyof typeof unpackers;

/** Reads records from the file, or from the chunk that was unpacked last; `advance` knows what they look like. */
export abstract class RecordsDecoder implements Decoder {
  protected readonly seen = new Problems();
  protected readonly topics: RosTopics;
  protected readonly feed = new ByteFeed();
  /** Of the record at hand, in the file: where a chunk begins for those within. */
  protected recordByte = 0;
  private readonly plain = new Scratch();
  private readonly chunkFeed = new ByteFeed();
  private isInChunk = false;
  private toSkip = 0;

  constructor(options: DecodeOptions) {
    this.topics = new RosTopics(options, this.seen);
  }

  get geometry(): PixelGeometry | null | undefined {
    return this.topics.geometry;
  }

  get streams(): readonly StreamInfo[] {
    return this.topics.streams;
  }

  get problems(): readonly Problem[] {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    try {
      while (!this.seen.over) {
        if (this.topics.busy) this.topics.read(into);
        if (this.topics.busy) return true;
        if (!this.step()) return false;
      }
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.seen.stop(error.message, this.recordByte);
    }
    return false;
  }

  end(): void {
    const isWhole = this.isBetween && this.toSkip === 0 && this.feed.available === 0;
    const what = isWhole ? this.missing() : "it ends inside a record";
    if (what !== undefined) this.seen.stop(`the file is cut: ${what}`, this.feed.offset);
    this.topics.geometry ??= null;
  }

  /** The next thing is a new record. */
  protected abstract get isBetween(): boolean;

  /** Takes the next thing off `source`; false when it is not all here. Throws a Damage. */
  protected abstract advance(): boolean;

  /** At the end of the file: what should have come before it, in words. */
  protected abstract missing(): string | undefined;

  protected get source(): ByteFeed {
    return this.isInChunk ? this.chunkFeed : this.feed;
  }

  /** Begins a record: its place is told when it is damaged. */
  protected beginRecord(): void {
    if (!this.isInChunk) this.recordByte = this.feed.offset;
  }

  /** Takes a part of a record, which the source's `bytes` then have from `start` on. */
  protected take(size: number): boolean {
    if (size > heldBytesMax) throw new Damage("a record claims too large a size");
    const isHere = this.source.take(size);
    if (!isHere && this.isInChunk) throw new Damage("a record goes beyond its chunk");
    return isHere;
  }

  protected skip(size: number): void {
    this.toSkip = size;
  }

  /** Hands the bytes that were taken last to the topics, as a message. */
  protected beginMessage(key: number, size: number): void {
    const { bytes, start, offset } = this.source;
    const byte = this.isInChunk ? this.recordByte : offset - size;
    this.topics.begin(key, bytes, start, start + size, byte);
  }

  /** Unpacks the bytes that were taken last: the records that come next are theirs. Answers the unpacked bytes. */
  protected unpack(compression: string, size: number, plainBytes: number): Uint8Array {
    if (this.isInChunk) throw new Damage("a chunk within a chunk");
    if (plainBytes > chunkBytesMax) throw new Damage("a chunk claims too large a size");
    if (!Object.hasOwn(unpackers, compression))
      throw new Damage("a chunk in an unknown compression: write the file again with lz4 or none");
    const { bytes, start } = this.feed;
    const unpacker = unpackers[compression as ChunkCompression];
    const written = unpacker(bytes, start, start + size, this.plain, plainBytes);
    if (written !== plainBytes) throw new Damage("a chunk is not of the size that it claims");
    const plain = this.plain.bytes.subarray(0, written);
    this.chunkFeed.moveTo(0);
    this.chunkFeed.push(plain);
    this.isInChunk = true;
    return plain;
  }

  private step(): boolean {
    if (this.toSkip > 0) {
      this.toSkip -= this.source.skip(this.toSkip);
      if (this.toSkip > 0 && this.isInChunk) throw new Damage("a record goes beyond its chunk");
      return this.toSkip === 0;
    }
    if (this.isInChunk && this.isBetween && this.chunkFeed.available === 0) this.isInChunk = false;
    return this.advance();
  }
}
