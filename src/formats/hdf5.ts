/**
 * HDF5 files with events: columns `events/{x,y,t,p}` (DSEC, rpg), a table of four columns (MVSEC), Metavision's
 * `CD/events`, or a time and a place an event (DVS-Gesture splits, a sample each).
 *
 * Such a file can't be read from its first byte to its last. Whoever opens one (`drivers/hdf5-events.ts`) turns the
 * chosen events into rows, which is what this decoder takes: 8 bytes `HDF5ROWS`, 32 bits of width and of height (0: not
 * told) and of the number of triggers, little-endian; then the triggers, 64 bits of microseconds, 16 of the channel and 16
 * of the edge each; then a structured NumPy array of the events with the file's own names and types.
 */

import { type PixelGeometry, pixelHeightMax, pixels, pixelWidthMax } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import { orderByName } from "./columns.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type Format,
  type Problem,
  Problems,
  type StreamInfo,
} from "./format.ts";
import { latin1 } from "./header-lines.ts";
import { npy } from "./npy.ts";

export const hdf5: Format = {
  name: "hdf5",
  about: "HDF5: DSEC and rpg, tables of four columns, DVS-Gesture splits, Metavision with ECF",
  extensions: ["hdf5", "h5"],
  needsFile: true,
  readsBeside: ["triggers"],
  sniff: (head) => (latin1(head, 0, signature.length) === signature ? "sure" : "no"),
  decoder: (options) => new Hdf5Decoder(options),
};

const signature = "\x89HDF\r\n\x1a\n";
const rowsMark = "HDF5ROWS";
const headBytes = 20;
const triggerBytes = 12;

/** What comes before the triggers and the array. */
export function hdf5RowsHead(width: number, height: number, triggers: number): Uint8Array {
  const head = new Uint8Array(headBytes);
  for (let i = 0; i < rowsMark.length; i++) head[i] = rowsMark.charCodeAt(i);
  const view = new DataView(head.buffer);
  view.setUint32(8, width, true);
  view.setUint32(12, height, true);
  view.setUint32(16, triggers, true);
  return head;
}

/** Triggers as they stand in the rows: times in microseconds, channels, and whether the edge rises. */
export function hdf5TriggerRows(triggers: readonly (readonly [bigint, number, number])[]): Uint8Array {
  const bytes = new Uint8Array(triggerBytes * triggers.length);
  const view = new DataView(bytes.buffer);
  for (const [i, [timeUs, channel, edge]] of triggers.entries()) {
    view.setBigInt64(triggerBytes * i, timeUs, true);
    view.setUint16(triggerBytes * i + 8, channel, true);
    view.setUint16(triggerBytes * i + 10, edge, true);
  }
  return bytes;
}

class Hdf5Decoder implements Decoder {
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private rows: Decoder | undefined;
  private triggersLeft = 0;
  private readonly triggers: StreamInfo = { id: 1, type: "triggers", count: 0 };

  constructor(options: DecodeOptions) {
    this.options = options;
  }

  get geometry(): PixelGeometry | null | undefined {
    if (this.rows) return this.rows.geometry;
    return this.options.geometry ?? (this.seen.over ? null : undefined);
  }

  get streams(): readonly StreamInfo[] {
    const events = this.rows?.streams ?? [{ id: 0, type: "events" as const, count: 0 }];
    return this.triggers.count > 0 ? [...events, this.triggers] : events;
  }

  get problems(): readonly Problem[] {
    return this.rows?.problems ?? this.seen.list;
  }

  push(bytes: Uint8Array): void {
    if (this.rows && this.triggersLeft === 0) {
      this.rows.push(bytes);
      return;
    }
    const { feed } = this;
    feed.push(bytes);
    if (!this.rows && !this.seen.over && feed.take(headBytes)) this.open();
    if (!this.rows) return;
    for (; this.triggersLeft > 0 && feed.take(triggerBytes); this.triggersLeft--) this.takeTrigger();
    const rest = this.triggersLeft === 0 ? feed.available : 0;
    if (rest > 0 && feed.take(rest)) this.rows.push(feed.bytes.subarray(feed.start, feed.start + rest));
  }

  read(into: Packet): boolean {
    return this.rows?.read(into) ?? false;
  }

  end(): void {
    if (this.rows) this.rows.end();
    else this.seen.stop("the file is cut: it ends before its events", this.feed.offset);
  }

  private takeTrigger(): void {
    const { bytes, start } = this.feed;
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, triggerBytes);
    this.triggers.count += 1;
    this.options.beside?.({
      type: "triggers",
      timeUs: Number(view.getBigInt64(0, true)),
      mark: view.getUint16(10, true) === 0 ? "signal-falling" : "signal-rising",
      channel: view.getUint16(8, true),
    });
  }

  private open(): void {
    const { bytes, start } = this.feed;
    if (latin1(bytes, start, start + rowsMark.length) !== rowsMark) {
      this.seen.stop("HDF5 can't be read from a pipe: name the file", 0);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, headBytes);
    this.triggersLeft = view.getUint32(16, true);
    const [width, height] = [view.getUint32(8, true), view.getUint32(12, true)];
    const isSize = width > 0 && height > 0 && width <= pixelWidthMax && height <= pixelHeightMax;
    const geometry = this.options.geometry ?? (isSize ? pixels(width, height) : undefined);
    this.rows = npy.decoder({ ...(geometry && { geometry }) });
  }
}

/** A data set of numbers, or of structs of them. */
export interface DatasetShape {
  readonly path: string;
  readonly shape: readonly number[];
  /** Names of a struct's fields. */
  readonly members?: readonly string[];
}

/** Metavision's list of edges on the camera's inputs, if a file has it: structs of `p`, `t` and `id`. */
export function triggerSource(datasets: readonly DatasetShape[]): DatasetShape | undefined {
  return datasets.find(
    ({ path, shape, members }) =>
      path === "/EXT_TRIGGER/events" &&
      shape.length === 1 &&
      ["p", "t", "id"].every((field) => members?.includes(field)),
  );
}

/** One column of events: a data set, or one column or field of it. */
export interface EventColumn {
  readonly name: string;
  readonly path: string;
  readonly column?: number;
  readonly member?: string;
}

export interface EventSource {
  readonly rows: number;
  /** Time, x, y and polarity; without names their order must be found by looking. */
  readonly columns: readonly EventColumn[];
}

const placeName = /^(pos|positions?|addrs?|addresses|xyp|coords?)$/;
const timeName = /^(t|ts|times?|timestamps?)(_?(s|ms|us|ns))?$/;
/** Columns of a place and polarity, as DVS-Gesture splits have them. */
const placeColumns = ["x", "y", "p"];

/** The lists of events among a file's data sets, in their order: streams 0, 1, 2 ... Throws a Damage. */
export function eventSources(datasets: readonly DatasetShape[]): EventSource[] {
  const groups = new Map<string, DatasetShape[]>();
  for (const dataset of datasets) {
    const group = folderOf(dataset.path);
    groups.set(group, [...(groups.get(group) ?? []), dataset]);
  }
  return [...groups.values()].flatMap((members) => [
    ...members.flatMap(tableSource),
    ...columnsSource(members),
    ...placesSource(members),
  ]);
}

/** Structs with the four fields, or rows of four numbers. */
function tableSource({ path, shape, members }: DatasetShape): EventSource[] {
  const rows = shape[0] ?? 0;
  if (members) {
    const told = shape.length === 1 && orderByName(members);
    if (!told) return [];
    const names = Object.values(told.order).map((place) => members[place]!);
    return [{ rows, columns: names.map((name) => ({ name, path, member: name })) }];
  }
  if (shape.length !== 2 || shape[1] !== 4) return [];
  return [{ rows, columns: [0, 1, 2, 3].map((column) => ({ name: "", path, column })) }];
}

/** A data set for each column. */
function columnsSource(members: readonly DatasetShape[]): EventSource[] {
  const flat = members.filter(({ shape, members: fields }) => shape.length === 1 && !fields);
  const told = orderByName(flat.map(({ path }) => nameOf(path)));
  if (!told) return [];
  const chosen = Object.values(told.order).map((place) => flat[place]!);
  return [{ rows: commonRows(chosen), columns: chosen.map(({ path }) => ({ name: nameOf(path), path })) }];
}

/** Times, and rows of x, y and polarity. */
function placesSource(members: readonly DatasetShape[]): EventSource[] {
  const times = members.find(
    ({ path, shape, members: fields }) => shape.length === 1 && !fields && timeName.test(nameOf(path)),
  );
  const places = members.find(
    ({ path, shape }) => shape.length === 2 && shape[1] === 3 && placeName.test(nameOf(path)),
  );
  if (!times || !places) return [];
  return [
    {
      rows: commonRows([times, places]),
      columns: [
        { name: nameOf(times.path), path: times.path },
        ...placeColumns.map((name, column) => ({ name, path: places.path, column })),
      ],
    },
  ];
}

function commonRows(datasets: readonly DatasetShape[]): number {
  const [first, ...others] = datasets;
  const other = others.find(({ shape }) => shape[0] !== first!.shape[0]);
  if (other) throw new Damage(`"${first!.path}" and "${other.path}" have different lengths`);
  return first!.shape[0]!;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).toLowerCase();
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
