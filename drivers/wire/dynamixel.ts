/** Packets of the Dynamixel protocols 1.0 (which Feetech servos share) and 2.0 (ROBOTIS e-manual; DynamixelSDK, packet handlers). */

import { type Found, PacketReader } from "./packet-reader.ts";

export const instructions = { ping: 0x01, read: 0x02, write: 0x03, reboot: 0x08, syncWrite: 0x83 } as const;

/** All servos of a bus; nobody answers. */
export const broadcast = 0xfe;

/** What a servo answers. `error` is the protocol's own byte: see `errors1` and `errorsOf2`. */
export interface StatusPacket {
  readonly id: number;
  readonly error: number;
  readonly params: Uint8Array;
}

/** One protocol: its packets on the wire, and its reader of status packets. */
export interface Protocol {
  packet(id: number, instruction: number, params: readonly number[]): Uint8Array;
  read(id: number, address: number, count: number): Uint8Array;
  write(id: number, address: number, data: readonly number[]): Uint8Array;
  /** The same registers of several servos at once; none of them answers. All data must have one length. */
  syncWrite(address: number, servos: readonly { id: number; data: readonly number[] }[]): Uint8Array;
  reader(): PacketReader<StatusPacket>;
  /** The error byte in words; none when all is well. */
  errorsIn(error: number): string[];
}

const bytesMax = 256;
const low = (value: number) => value & 0xff;
const high = (value: number) => (value >> 8) & 0xff;

/** Bits of the error byte of protocol 1.0, from bit 0. */
const errors1 = [
  "bad supply voltage",
  "angle outside its limits",
  "too hot",
  "value out of range",
  "checksum wrong",
  "overload",
  "unknown instruction",
];

/** Numbers in the low seven bits of the error byte of protocol 2.0. */
const errors2 = [
  "",
  "instruction failed",
  "unknown instruction",
  "checksum wrong",
  "value out of range",
  "wrong length",
  "value outside its limits",
  "access refused",
];

/** `FF FF ID LEN INST PARAM... CHK`: LEN counts what follows it, CHK is the inverted sum from ID on. */
export const protocol1: Protocol = {
  packet(id, instruction, params) {
    const body = [id, params.length + 2, instruction, ...params.map(low)];
    return Uint8Array.of(0xff, 0xff, ...body, checksum(body));
  },
  read: (id, address, count) => protocol1.packet(id, instructions.read, [address, count]),
  write: (id, address, data) => protocol1.packet(id, instructions.write, [address, ...data]),
  syncWrite(address, servos) {
    const each = servos.flatMap(({ id, data }) => [id, ...data]);
    return protocol1.packet(broadcast, instructions.syncWrite, [address, servos[0]!.data.length, ...each]);
  },
  reader: () => new PacketReader(bytesMax, findStatus1),
  errorsIn: (error) => errors1.filter((_, bit) => (error >> bit) & 1),
};

function checksum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i]!;
  return ~sum & 0xff;
}

function findStatus1(bytes: Uint8Array): Found<StatusPacket> {
  if (bytes[0] !== 0xff || (bytes.length > 1 && bytes[1] !== 0xff)) return "garbage";
  if (bytes.length < 4) return "unfinished";
  const [, , id, length] = bytes as unknown as [number, number, number, number];
  // A third FF belongs to the header of a packet that begins one byte later.
  if (id > 0xfd || length < 2 || length + 4 > bytesMax) return "garbage";
  const end = length + 4;
  if (bytes.length < end) return "unfinished";
  if (checksum(bytes.subarray(2, end - 1)) !== bytes[end - 1]) return "garbage";
  return { bytes: end, packet: { id, error: bytes[4]!, params: bytes.slice(5, end - 1) } };
}

/**
 * `FF FF FD 00 ID LENL LENH INST PARAM... CRCL CRCH`: LEN counts what follows it. Wherever INST and PARAM hold `FF FF FD`,
 * another `FD` is stuffed in, which LEN and the CRC count.
 */
export const protocol2: Protocol = {
  packet(id, instruction, params) {
    const body = stuffed([instruction, ...params.map(low)]);
    const length = body.length + 2;
    const bytes = [0xff, 0xff, 0xfd, 0x00, id, low(length), high(length), ...body];
    const crc = crc16(bytes);
    return Uint8Array.of(...bytes, low(crc), high(crc));
  },
  read: (id, address, count) =>
    protocol2.packet(id, instructions.read, [low(address), high(address), low(count), high(count)]),
  write: (id, address, data) =>
    protocol2.packet(id, instructions.write, [low(address), high(address), ...data]),
  syncWrite(address, servos) {
    const { length } = servos[0]!.data;
    const each = servos.flatMap(({ id, data }) => [id, ...data]);
    const head = [low(address), high(address), low(length), high(length)];
    return protocol2.packet(broadcast, instructions.syncWrite, [...head, ...each]);
  },
  reader: () => new PacketReader(bytesMax, findStatus2),
  errorsIn(error) {
    const said = errors2[error & 0x7f] ?? `error ${error & 0x7f}`;
    return [...(error & 0x80 ? ["hardware error"] : []), ...(said ? [said] : [])];
  },
};

function stuffed(bytes: readonly number[]): number[] {
  const out: number[] = [];
  let matched = 0;
  for (const byte of bytes) {
    out.push(byte);
    matched = byte === 0xff ? Math.min(matched + 1, 2) : byte === 0xfd && matched === 2 ? 3 : 0;
    if (matched === 3) {
      out.push(0xfd);
      matched = 0;
    }
  }
  return out;
}

/** Takes away what `stuffed` put in; undefined where an `FF FF FD` stands without it, which no sender makes. */
function unstuffed(bytes: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  let matched = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    out[length++] = byte;
    matched = byte === 0xff ? Math.min(matched + 1, 2) : byte === 0xfd && matched === 2 ? 3 : 0;
    if (matched < 3) continue;
    if (bytes[i + 1] !== 0xfd) return undefined;
    i += 1;
    matched = 0;
  }
  return out.slice(0, length);
}

function findStatus2(bytes: Uint8Array): Found<StatusPacket> {
  const header = [0xff, 0xff, 0xfd, 0x00];
  for (let i = 0; i < Math.min(4, bytes.length); i++) if (bytes[i] !== header[i]) return "garbage";
  if (bytes.length < 7) return "unfinished";
  const length = bytes[5]! | (bytes[6]! << 8);
  const end = length + 7;
  if (length < 3 || end > bytesMax) return "garbage";
  if (bytes.length < end) return "unfinished";
  const crc = bytes[end - 2]! | (bytes[end - 1]! << 8);
  if (crc16(bytes.subarray(0, end - 2)) !== crc) return "garbage";
  const body = unstuffed(bytes.subarray(7, end - 2));
  // An instruction is our own echo, or another master's.
  if (body?.[0] !== 0x55 || body.length < 2) return "garbage";
  return { bytes: end, packet: { id: bytes[4]!, error: body[1]!, params: body.slice(2) } };
}

/** CRC-16 with polynomial 0x8005, from 0, highest bit first, nothing reflected. */
function crc16(bytes: ArrayLike<number>): number {
  let crc = 0;
  for (let i = 0; i < bytes.length; i++) {
    crc ^= bytes[i]! << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x8005) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
