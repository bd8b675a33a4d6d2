/** WAV files for tests: right ones, and ones whose header lies in a chosen place. */

import { type PcmName, pcmEncodings } from "../../src/formats/pcm.ts";

export interface WavParts {
  readonly encoding: PcmName;
  readonly rateHz: number;
  /** A column a channel, full scale at 1. */
  readonly columns: readonly ArrayLike<number>[];
  readonly extensible?: boolean;
  readonly magic?: "RIFF" | "RF64" | "BW64";
  /** Chunks of zeros, by name and length. */
  readonly before?: readonly (readonly [name: string, bytes: number])[];
  readonly after?: readonly (readonly [name: string, bytes: number])[];
  readonly order?: "data first";
  /** What the header says in place of the truth. */
  readonly channels?: number;
  readonly tag?: number;
  readonly bits?: number;
  readonly frameBytes?: number;
  readonly bytesPerS?: number;
  readonly riffBytes?: number;
  readonly dataBytes?: number;
}

export function wavFile(parts: WavParts): Uint8Array {
  const { encoding, columns, rateHz, magic = "RIFF", extensible, before = [], after = [] } = parts;
  const { bytes } = pcmEncodings[encoding];
  const bits = parts.bits ?? 8 * bytes;
  const tag = parts.tag ?? ({ f: 3, a: 6, m: 7 }[encoding[0]!] as number | undefined) ?? 1;
  const channels = parts.channels ?? columns.length;
  const frameBytes = parts.frameBytes ?? bytes * columns.length;
  const fmt = Buffer.alloc(extensible ? 40 : 16);
  fmt.writeUInt16LE(extensible ? 0xfffe : tag, 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(rateHz, 4);
  fmt.writeUInt32LE(parts.bytesPerS ?? (rateHz * frameBytes) % 2 ** 32, 8);
  fmt.writeUInt16LE(frameBytes, 12);
  fmt.writeUInt16LE(bits, 14);
  if (extensible) {
    fmt.writeUInt16LE(22, 16);
    fmt.writeUInt16LE(bits, 18);
    fmt.writeUInt16LE(tag, 24);
    fmt.write("000000001000800000aa00389b71", 26, "hex");
  }
  const data = encoded(encoding, columns);
  const is64 = magic !== "RIFF";
  const ds64 = Buffer.alloc(28);
  ds64.writeBigUInt64LE(BigInt(data.length), 8);
  const dataChunk = chunk("data", data, is64 ? 0xffffffff : (parts.dataBytes ?? data.length));
  const zeros = ([name, length]: readonly [string, number]) => chunk(name, Buffer.alloc(length));
  const inOrder = [chunk("fmt ", fmt), ...before.map(zeros), dataChunk, ...after.map(zeros)];
  const body = Buffer.concat([
    ...(is64 ? [chunk("ds64", ds64)] : []),
    ...(parts.order === "data first" ? [...inOrder].reverse() : inOrder),
  ]);
  const head = Buffer.alloc(12);
  head.write(magic, 0);
  head.writeUInt32LE(parts.riffBytes ?? (is64 ? 0xffffffff : body.length + 4), 4);
  head.write("WAVE", 8);
  return new Uint8Array(Buffer.concat([head, body]));
}

function chunk(name: string, content: Buffer, says = content.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0);
  head.writeUInt32LE(says, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

function encoded(encoding: PcmName, columns: readonly ArrayLike<number>[]): Buffer {
  const { bytes, read } = pcmEncodings[encoding];
  const frames = columns[0]!.length;
  const out = Buffer.alloc(frames * columns.length * bytes);
  const companded = encoding === "mulaw" || encoding === "alaw" ? nearestBytes(read) : undefined;
  for (let i = 0; i < frames; i++)
    for (const [channel, column] of columns.entries()) {
      const at = (i * columns.length + channel) * bytes;
      const value = column[i]!;
      if (companded) out[at] = companded(value);
      else if (encoding === "u8") out[at] = Math.round(value * 127) + 128;
      else if (encoding === "f32le") out.writeFloatLE(value, at);
      else if (encoding === "f64le") out.writeDoubleLE(value, at);
      else out.writeIntLE(Math.round(value * (2 ** (8 * bytes - 1) - 1)), at, bytes);
    }
  return out;
}

/** The byte whose value is nearest. */
function nearestBytes(read: (view: DataView, at: number) => number): (value: number) => number {
  const view = new DataView(Uint8Array.from({ length: 256 }, (_, byte) => byte).buffer);
  const values = Array.from({ length: 256 }, (_, byte) => read(view, byte));
  return (value) =>
    values.reduce(
      (best, other, byte) => (Math.abs(other - value) < Math.abs(values[best]! - value) ? byte : best),
      0,
    );
}
