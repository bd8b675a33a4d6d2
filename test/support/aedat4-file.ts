/** AEDAT 4 files by hand, independent of the library's writer: any streams, any order, with or without a table. */

export interface Part {
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** A file without compression; `tableOffset` as the header tells it, and the bytes that follow the packets. */
export function aedat4File(
  streams: readonly { id: number; type: string; width?: number; height?: number }[],
  parts: readonly Part[],
  { compression = 0, tableOffset = -1, tail = new Uint8Array(0) } = {},
): Uint8Array {
  const nodes = streams.map(({ id, type, width, height }) => {
    const size = width
      ? `<attr key="sizeX" type="int">${width}</attr><attr key="sizeY" type="int">${height}</attr>`
      : "";
    return `<node name="${id}" path="/outInfo/${id}/"><attr key="typeIdentifier" type="string">${type}</attr><node name="info" path="/outInfo/${id}/info/">${size}<attr key="source" type="string">test</attr></node></node>`;
  });
  const xml = `<dv version="2.0"><node name="outInfo" path="/outInfo/">${nodes.join("")}</node></dv>`;
  const text = new TextEncoder().encode(xml);
  const head = table("IOHE", 24, [
    [4, int32(compression)],
    [12, int64(tableOffset)],
    [8, "text"],
  ]);
  const header = join([head, int32(text.length), text, new Uint8Array(1)]);
  setText(header, head.length);
  return join([
    new TextEncoder().encode("#!AER-DAT4.0\r\n"),
    int32(header.length),
    header,
    ...parts.flatMap(({ stream, payload }) => [int32(stream), int32(payload.length), payload]),
    tail,
  ]);
}

/** A packet whose root table holds one vector: `count` elements in `elements`. */
export function vectorPayload(identifier: string, count: number, elements: Uint8Array): Uint8Array {
  const head = table(identifier, 8, [[4, "text"]]);
  const body = join([head, int32(count), elements]);
  setText(body, head.length);
  return join([int32(body.length), body]);
}

export function eventsPayload(
  events: readonly (readonly [t: number, x: number, y: number, on: number])[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(events.length * 16));
  events.forEach(([t, x, y, on], i) => {
    view.setBigInt64(i * 16, BigInt(t), true);
    view.setInt16(i * 16 + 8, x, true);
    view.setInt16(i * 16 + 10, y, true);
    view.setUint8(i * 16 + 12, on);
  });
  return vectorPayload("EVTS", events.length, new Uint8Array(view.buffer));
}

/** A root table at its simplest: root offset, letters, vtable, table. Offsets are filled in by `setText`. */
function table(
  identifier: string,
  size: number,
  fields: readonly (readonly [at: number, value: Uint8Array | "text"])[],
): Uint8Array {
  const vtable = 8;
  const at = vtable + 4 + 2 * fields.length + ((4 + 2 * fields.length) % 4);
  const bytes = new Uint8Array(at + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, at, true);
  bytes.set(new TextEncoder().encode(identifier), 4);
  view.setUint16(vtable, 4 + 2 * fields.length, true);
  view.setUint16(vtable + 2, size, true);
  view.setInt32(at, at - vtable, true);
  fields.forEach(([place, value], i) => {
    view.setUint16(vtable + 4 + 2 * i, place, true);
    if (value !== "text") bytes.set(value, at + place);
    else view.setUint32(at + place, 0xdeadbeef, true);
  });
  return bytes;
}

/** Points the field that was left open at `target`. */
function setText(bytes: Uint8Array, target: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= target; at++)
    if (view.getUint32(at, true) === 0xdeadbeef) {
      view.setUint32(at, target - at, true);
      return;
    }
  throw new Error("no open field");
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

function int64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}
