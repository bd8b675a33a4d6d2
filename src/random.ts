/** Seeded random numbers: the only randomness in the house, so that the same seed gives the same run. */

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32, T. Ettinger 2017, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    return mix(state);
  };
}

/** Number `index` of the series of a seed, from 0: for those who save where in it they are. */
export function randomAt(seed: number, index: number): number {
  return mix((seed + Math.imul(index + 1, 0x6d2b79f5)) >>> 0);
}

function mix(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}

/** Numbers of the standard normal distribution (Box and Muller 1958). */
export function seededNormal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A seed of its own for each name, so that two stages never share a series (FNV-1a over seed and name). */
export function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
