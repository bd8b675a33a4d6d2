/** The nearest of some directions to a vector, by a division and two tables in place of an arc tangent. */

/** Cells in a quarter of a turn: so narrow that no two edges between 64 directions lie in one. */
const cellsInQuarter = 64;

const { fround } = Math;

export interface Compass {
  /** Where on the way around the next direction begins, rising; one more after the last, which is never reached. */
  readonly edges: Float32Array<ArrayBuffer>;
  /** For each cell of the way around, how many edges lie before it. */
  readonly before: Uint8Array<ArrayBuffer>;
  /** The nearest direction, 0 to `directions` - 1: 0 along x, the next ones towards y. */
  nearest(x: number, y: number): number;
}

export function compass(directions: number): Compass {
  const edges = Float32Array.from({ length: directions + 1 }, (_, i) => {
    const angle = ((i + 0.5) * 2 * Math.PI) / directions;
    return i === directions ? Infinity : wayAround(fround(Math.cos(angle)), fround(Math.sin(angle)));
  });
  const before = Uint8Array.from({ length: 4 * cellsInQuarter + 1 }, (_, cell) =>
    edges.findIndex((edge) => edge > cell / cellsInQuarter),
  );
  return {
    edges,
    before,
    nearest(x, y) {
      const way = wayAround(x, y);
      const passed = before[Math.floor(way * cellsInQuarter)]!;
      const direction = way >= edges[passed]! ? passed + 1 : passed;
      return direction === directions ? 0 : direction;
    },
  };
}

/** How far a vector of float32 is around the square |x| + |y| = 1, from 0 to 4: it rises with the angle. */
function wayAround(x: number, y: number): number {
  const share = fround(y / fround(Math.abs(x) + Math.abs(y)));
  const way = x < 0 ? fround(2 - share) : share;
  return way < 0 ? fround(way + 4) : way;
}
