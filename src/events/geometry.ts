/** What an address means, a pixel with a polarity or a neuron of a population; and what the channels of samples are. */

/** A camera's array. Origin in the upper-left corner, x to the right, y down. */
export interface PixelGeometry {
  readonly kind: "pixels";
  readonly width: number;
  readonly height: number;
}

/** A population's shape; a neuron's id is `(channel * height + y) * width + x` (C order). */
export interface NeuronGeometry {
  readonly kind: "neurons";
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export type Geometry = PixelGeometry | NeuronGeometry;

/** One signal of several that are sampled together. */
export interface Channel {
  /** In words, for messages: `left`, `temperature`. */
  readonly name: string;
  /** `Pa`, `degC`, `deg/s`; empty where it is a share of full scale (sound) or not known. */
  readonly unit: string;
}

/** What the columns of samples are. */
export interface ChannelGeometry {
  readonly kind: "channels";
  readonly channels: readonly Channel[];
  /** Samples a second of each channel; undefined where every sample has a time of its own. */
  readonly rateHz?: number;
}

/** What flows between two stages: addresses that mean this, or channels. */
export type Layout = Geometry | ChannelGeometry;

/** Largest width and height that a pixel address can hold. */
export const pixelWidthMax = 0x8000;
export const pixelHeightMax = 0x10000;

export function pixels(width: number, height: number): PixelGeometry {
  return { kind: "pixels", width, height };
}

export function neurons(channels: number, height: number, width: number): NeuronGeometry {
  return { kind: "neurons", channels, height, width };
}

/** Channels by name, each with its unit where it has one: `channels(["left", "right"], { rateHz: 48000 })`. */
export function channels(
  named: readonly (string | Channel)[],
  { rateHz }: { readonly rateHz?: number } = {},
): ChannelGeometry {
  const list = named.map((one) => (typeof one === "string" ? { name: one, unit: "" } : one));
  return { kind: "channels", channels: list, ...(rateHz !== undefined && { rateHz }) };
}

/** How many neurons, or how many pixels (polarity is not counted). */
export function sizeOf(geometry: Geometry): number {
  const plane = geometry.width * geometry.height;
  return geometry.kind === "pixels" ? plane : plane * geometry.channels;
}

export function sameGeometry(a: Layout, b: Layout): boolean {
  if (a.kind === "channels" || b.kind === "channels") return sameChannels(a, b);
  if (a.width !== b.width || a.height !== b.height) return false;
  if (a.kind === "pixels") return b.kind === "pixels";
  return b.kind === "neurons" && a.channels === b.channels;
}

function sameChannels(a: Layout, b: Layout): boolean {
  if (a.kind !== "channels" || b.kind !== "channels") return false;
  const same = ({ name, unit }: Channel, i: number) =>
    name === b.channels[i]!.name && unit === b.channels[i]!.unit;
  return a.rateHz === b.rateHz && a.channels.length === b.channels.length && a.channels.every(same);
}

/** For messages: `346x260 pixels`, `2x8x8 neurons`, `2 channels at 48000 Hz (left, right)`. */
export function describeGeometry(geometry: Layout): string {
  if (geometry.kind === "channels") {
    const { rateHz } = geometry;
    const names = geometry.channels.map(({ name, unit }) => (unit === "" ? name : `${name} in ${unit}`));
    const many = names.length === 1 ? "1 channel" : `${names.length} channels`;
    return `${many}${rateHz === undefined ? "" : ` at ${rateHz} Hz`} (${names.join(", ")})`;
  }
  if (geometry.kind === "pixels") return `${geometry.width}x${geometry.height} pixels`;
  return `${geometry.channels}x${geometry.height}x${geometry.width} neurons`;
}

/**
 * The address of a camera event: bit 0 polarity (1 = ON = brighter), bits 1 to 15 x, bits 16 to 31 y.
 * It does not depend on the sensor's size, so a decoder needs no geometry (DECISIONS D-002).
 * Hot loops write these shifts out; everything else calls these four.
 */
export function pixelAddress(x: number, y: number, polarity: number): number {
  return ((y << 16) | (x << 1) | polarity) >>> 0;
}

export function xOf(address: number): number {
  return (address >>> 1) & 0x7fff;
}

export function yOf(address: number): number {
  return address >>> 16;
}

export function polarityOf(address: number): number {
  return address & 1;
}
