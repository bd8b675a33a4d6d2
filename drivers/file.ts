/** A recording that is written: one file in any format that can be written, or one for each span of time. */

import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import type { Beside, BesideType } from "../src/events/beside.ts";
import type { Geometry } from "../src/events/geometry.ts";
import { indexAtOrAfter, Packet } from "../src/events/packet.ts";
import { compressions } from "../src/formats/aedat4-write.ts";
import { type Encoder, extensionOf, type Format } from "../src/formats/format.ts";
import { formatNamed, formats } from "../src/formats/index.ts";
import { readLabelWindows } from "../src/formats/label-windows.ts";
import { defineSink } from "../src/stage.ts";
import { AtomicFile } from "./atomic-file.ts";
import { readTextFile } from "./files.ts";

const writable = formats.filter(({ encoder }) => encoder !== undefined);
/** Which format an extension of several means, when none of them is called like it. */
const usualFormat: Readonly<Record<string, string>> = { raw: "evt3", bin: "nmnist" };
/** More files than this are a mistake in the span. */
const filesMax = 100_000;
/** Records beside the events that may wait for a packet. */
const waitingMax = 1 << 14;
/** Files that are complete but for the disk. */
const endingMax = 4;

export default defineSink({
  name: "file",
  about: "Writes camera events to a recording, or to one for each span of time.",
  takes: "events",
  records: true,
  options: z.strictObject({
    file: z.string().min(1).describe("The recording to write; a relative path starts at the document."),
    format: z
      .enum(writable.map(({ name }) => name) as [string, ...string[]])
      .optional()
      .describe("Its format; told by the extension by default (raw is evt3)."),
    compression: z
      .enum(compressions)
      .optional()
      .describe("AEDAT 4: how packets are compressed; lz4 by default."),
    chip: z.string().optional().describe("AEDAT 2: the camera's chip; the one of that size by default."),
    force: z.boolean().default(false).describe("Replaces a file that exists."),
    splitEveryUs: z
      .int()
      .min(1000)
      .optional()
      .describe("Starts a new file, numbered from 0000, each so many microseconds after the first event."),
    splitLabels: z
      .string()
      .min(1)
      .optional()
      .describe("A CSV with class, startTime_usec, endTime_usec (DVS-Gesture): a file for each window."),
  }),
  async open(options, context) {
    const path = context.resolveOutput(options.file);
    const format = formatOf(path, options.format);
    const windows = windowsOf(options, path, context.resolvePath);
    const { compression, chip } = options;
    const beside = format.writesBeside?.filter((type) => context.besideTypes?.includes(type)) ?? [];
    const writer = new SpanWriter(windows, context.geometry, {
      formatName: format.name,
      holds: beside,
      create: (spanPath) => ({
        file: new AtomicFile(spanPath, { overwrite: options.force }),
        encoder: format.encoder!(context.geometry, { compression, chip, beside }),
      }),
    });
    await writer.open();
    return writer;
  },
});

/** The format of a file to write: by name, or by its extension. Throws a ReflexarcError of kind usage. */
export function formatOf(path: string, name?: string): Format {
  const extension = extensionOf(path);
  const fitting = writable.filter(({ extensions }) => extensions.includes(extension));
  const format =
    name === undefined
      ? (fitting.find((one) => one.name === (usualFormat[extension] ?? extension)) ?? fitting[0])
      : formatNamed(name);
  if (format?.encoder) return format;
  const list = writable.map((one) => `${one.name} (.${one.extensions[0]})`).join(", ");
  throw new ReflexarcError({
    kind: "usage",
    room: "file",
    what: `"${name ?? extension}" is no format that can be written`,
    where: path,
    remedy: `Give a format, or a name that ends in one of these: ${list}.`,
  });
}

interface Span {
  readonly fromUs: number;
  readonly toUs: number;
  readonly path: string;
}

/** In order of their start; asked with the time of the first packet. */
type Spans = (firstUs: number) => Iterator<Span>;

function windowsOf(
  { splitEveryUs, splitLabels }: { splitEveryUs?: number | undefined; splitLabels?: string | undefined },
  path: string,
  resolvePath: (path: string) => string,
): Spans {
  const stem = join(dirname(path), basename(path, extname(path)));
  const named = (index: number, label = "") =>
    `${stem}-${String(index).padStart(4, "0")}${label}${extname(path)}`;
  if (splitEveryUs !== undefined && splitLabels !== undefined) {
    throw new ReflexarcError({
      kind: "usage",
      room: "file",
      what: "a recording is split by time or by labels, not by both",
      where: path,
      remedy: "Leave one of splitEveryUs and splitLabels away.",
    });
  }
  if (splitLabels !== undefined) {
    const labelsPath = resolvePath(splitLabels);
    const windows = readLabelWindows(readTextFile(labelsPath, "file"), labelsPath);
    const spans = windows.map(({ label, fromUs, toUs }, i) => ({
      fromUs,
      toUs,
      path: named(i, `-${label.replace(/[^\w-]+/g, "_")}`),
    }));
    return () => spans.values();
  }
  if (splitEveryUs === undefined) return () => [{ fromUs: -Infinity, toUs: Infinity, path }].values();
  return function* (firstUs) {
    for (let i = 0; ; i++)
      yield { fromUs: firstUs + i * splitEveryUs, toUs: firstUs + (i + 1) * splitEveryUs, path: named(i) };
  };
}

interface WriterSetup {
  readonly formatName: string;
  /** What the sources have beside their events and the format has room for. */
  readonly holds: readonly BesideType[];
  create(path: string): Target;
}

interface Target {
  readonly file: AtomicFile;
  readonly encoder: Encoder;
}

/** Cuts packets into spans, each with its file; a span without events has none, but a recording always has one. */
class SpanWriter {
  private readonly spans: Spans;
  private readonly create: (path: string) => Target;
  private readonly part: Packet;
  private coming: Iterator<Span> | undefined;
  private next: Span | undefined;
  private active: { span: Span; target: Target | undefined }[] = [];
  private readonly ending = new Set<Promise<void>>();
  private failure: unknown;
  private written = 0;
  private outside = 0;
  private files = 0;
  /** Of files that are complete. */
  private bytes = 0;
  private readonly left = new Map<string, number>();
  private readonly formatName: string;
  private readonly holds: readonly BesideType[];
  /** One file takes it all. */
  private isWhole = false;
  /** Records that the packets have not come to. */
  private readonly waiting: Beside[] = [];
  private besideWritten = 0;

  constructor(spans: Spans, geometry: Geometry, { formatName, holds, create }: WriterSetup) {
    this.spans = spans;
    this.formatName = formatName;
    this.holds = holds;
    this.create = create;
    this.part = new Packet(geometry, 0);
  }

  /** A recording that isn't split is opened at once: what is wrong with its name is told before the run. */
  async open(): Promise<void> {
    const first = this.spans(0).next().value as Span;
    if (first.toUs !== Infinity) return;
    const target = this.begin(first);
    this.isWhole = true;
    this.active = [{ span: first, target }];
    this.coming = [].values();
    await target.file.open();
  }

  write(packet: Packet): void {
    this.writeWaiting(packet.fromUs);
    this.advance(packet);
    let reachedUs = packet.fromUs;
    for (const window of this.active) {
      const { span } = window;
      const from = span.fromUs <= packet.fromUs ? 0 : indexAtOrAfter(packet, span.fromUs);
      const to = span.toUs >= packet.toUs ? packet.count : indexAtOrAfter(packet, span.toUs);
      const unread = indexAtOrAfter(packet, reachedUs);
      if (from > unread) this.outside += from - unread;
      reachedUs = Math.max(reachedUs, span.toUs);
      if (from === to) continue;
      window.target ??= this.begin(span);
      window.target.file.write(window.target.encoder.push(this.slice(packet, from, to)));
      this.written += to - from;
    }
    this.outside += packet.count - indexAtOrAfter(packet, reachedUs);
  }

  /** A recording that isn't split takes records as they come; else each waits for the packets before it. */
  writeBeside(record: Beside): void {
    const { type } = record;
    if (!this.holds.includes(type)) this.count(this.left, `${type} that ${this.formatName} can't hold`);
    else if (this.isWhole) this.writeRecord(record);
    else if (this.waiting.length < waitingMax) this.waiting.push(record);
    else this.count(this.left, `${type} too many at once`);
  }

  private writeWaiting(untilUs: number): void {
    const ready = this.waiting.filter(({ timeUs }) => timeUs < untilUs);
    if (ready.length === 0) return;
    this.waiting.splice(0, this.waiting.length, ...this.waiting.filter(({ timeUs }) => timeUs >= untilUs));
    for (const record of ready) this.writeRecord(record);
  }

  private writeRecord(record: Beside): void {
    let isInside = false;
    for (const { span, target } of this.active) {
      if (!target || record.timeUs < span.fromUs || record.timeUs >= span.toUs) continue;
      target.file.write(target.encoder.pushBeside!(record));
      isInside = true;
    }
    if (isInside) this.besideWritten += 1;
    else this.outside += 1;
  }

  private count(counts: Map<string, number>, what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }

  settle(): Promise<void> | undefined {
    if (this.failure) return Promise.reject(this.failure);
    if (this.ending.size > endingMax) return Promise.race(this.ending).then(() => this.settle());
    for (const { target } of this.active) {
      const settling = target?.file.settle();
      if (settling) return settling;
    }
    return undefined;
  }

  async end(): Promise<void> {
    this.writeWaiting(Number.POSITIVE_INFINITY);
    for (const { target } of this.active) if (target) this.complete(target);
    this.active = [];
    await Promise.all(this.ending);
    if (this.failure) throw this.failure;
  }

  async discard(): Promise<void> {
    await Promise.all(this.ending);
    for (const { target } of this.active) await target?.file.discard();
    this.active = [];
  }

  counts(): Record<string, number> {
    const bytes = this.active.reduce((sum, { target }) => sum + (target?.file.bytes ?? 0), this.bytes);
    // A format may also leave out what is no event: the time that the first one is at.
    const left = Object.entries(this.lost()).reduce(
      (sum, [what, count]) => (what.startsWith("event") ? sum + count : sum),
      0,
    );
    return {
      "events written": this.written - left,
      ...(this.besideWritten > 0 && { "records written beside them": this.besideWritten }),
      files: this.files,
      bytes,
      "outside every window": this.outside,
    };
  }

  lost(): Record<string, number> {
    const all = new Map(this.left);
    for (const { target } of this.active) if (target) addLeftOut(all, target.encoder);
    return Object.fromEntries(all);
  }

  /** Completes the spans that are over and takes up those that begin. */
  private advance(packet: Packet): void {
    this.coming ??= this.spans(packet.fromUs);
    for (const { span, target } of this.active)
      if (target && span.toUs <= packet.fromUs) this.complete(target);
    this.active = this.active.filter(({ span }) => span.toUs > packet.fromUs);
    for (;;) {
      this.next ??= this.coming.next().value as Span | undefined;
      if (!this.next || this.next.fromUs >= packet.toUs) return;
      if (this.next.toUs > packet.fromUs) this.active.push({ span: this.next, target: undefined });
      this.next = undefined;
    }
  }

  private begin(span: Span): Target {
    if (this.files === filesMax) {
      throw new ReflexarcError({
        kind: "usage",
        room: "file",
        what: `more than ${filesMax} files would be written`,
        where: span.path,
        remedy: "Split into longer spans.",
      });
    }
    const target = this.create(span.path);
    target.file.write(target.encoder.start());
    this.files += 1;
    return target;
  }

  private complete({ file, encoder }: Target): void {
    file.write(encoder.end());
    this.bytes += file.bytes;
    addLeftOut(this.left, encoder);
    const ending = file
      .end(encoder.patches())
      .catch((cause) => {
        this.failure ??= cause;
      })
      .finally(() => this.ending.delete(ending));
    this.ending.add(ending);
  }

  /** Some events of a packet, as a packet; without a copy. */
  private slice(packet: Packet, from: number, to: number): Packet {
    if (to - from === packet.count) return packet;
    const { part } = this;
    part.begin(packet.times[from]!, packet.times[to - 1]! + 1);
    part.times = packet.times.subarray(from, to);
    part.addresses = packet.addresses.subarray(from, to);
    part.count = to - from;
    return part;
  }
}

function addLeftOut(all: Map<string, number>, { leftOut }: Encoder): void {
  for (const { what, count } of leftOut) all.set(what, (all.get(what) ?? 0) + count);
}
