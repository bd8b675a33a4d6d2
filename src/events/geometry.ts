/** What an address means: a pixel with a polarity, or a neuron of a population. */

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

/** Largest width and height that a pixel address can hold. */
export const pixelWidthMax = 0x8000;
export const pixelHeightMax = 0x10000;

export function pixels(width: number, height: number): PixelGeometry {
  return { kind: "pixels", width, height };
}

export function neurons(channels: number, height: number, width: number): NeuronGeometry {
  return { kind: "neurons", channels, height, width };
}

/** How many neurons, or how many pixels (polarity is not counted). */
export function sizeOf(geometry: Geometry): number {
  const plane = geometry.width * geometry.height;
  return geometry.kind === "pixels" ? plane : plane * geometry.channels;
}

export function sameGeometry(a: Geometry, b: Geometry): boolean {
  if (a.width !== b.width || a.height !== b.height) return false;
  if (a.kind === "pixels") return b.kind === "pixels";
  return b.kind === "neurons" && a.channels === b.channels;
}

/** For messages: `346x260 pixels`, `2x8x8 neurons`. */
export function describeGeometry(geometry: Geometry): string {
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
