/** Our own handwriting: digits as strokes, and how much of a pixel their ink covers. */

/** A curve through points `[x, y]`, in pixels from the digit's centre; a digit is 20 high, as in MNIST. */
export type Stroke = readonly (readonly [x: number, y: number])[];

/** Width and height of the square that holds a digit, pixels (MNIST's 28). */
export const digitSizePx = 28;

/** Ways to write each digit; the synthetic camera shows the first, the training of `digit` uses them all. */
export const handwriting: readonly (readonly (readonly Stroke[])[])[] = [
  [[oval(0, 0, 5.5, 9.5)], [oval(0, 0, 7.5, 9)]],
  [
    [
      [
        [1, -9.5],
        [0.5, 0],
        [0, 9.5],
      ],
    ],
    [
      [
        [-3, -6],
        [0, -9.5],
        [0.2, 0],
        [0, 9.5],
      ],
    ],
    [
      [
        [3, -9.5],
        [0, 0],
        [-3, 9.5],
      ],
    ],
  ],
  [
    [
      [
        [-5, -5],
        [-3, -8.6],
        [1, -9.5],
        [4.6, -7.5],
        [4.5, -3.5],
        [0, 3],
        [-5, 9],
      ],
      [
        [-5, 9],
        [0, 8.8],
        [6, 9],
      ],
    ],
    [
      [
        [-5, -6],
        [-1, -9.5],
        [3.5, -8],
        [3.5, -3],
        [-1, 4],
        [-5, 8],
        [-6, 6],
        [-3, 5.5],
        [1, 8],
        [6, 8.5],
      ],
    ],
  ],
  [
    [
      [
        [-4.5, -7.5],
        [-1, -9.5],
        [3.5, -8],
        [3.5, -3.5],
        [-0.5, -0.8],
      ],
      [
        [-0.5, -0.8],
        [4, 1],
        [5, 5],
        [2, 9],
        [-2, 9.5],
        [-5, 7],
      ],
    ],
    [
      [
        [-5, -9],
        [0, -9.2],
        [5, -8.8],
        [0.5, -1.5],
      ],
      [
        [0.5, -1.5],
        [4.5, 1.5],
        [4, 7],
        [-0.5, 9.5],
        [-5, 8],
      ],
    ],
  ],
  [
    [
      [
        [-4, -9.5],
        [-5, -3],
        [-4.6, 1],
        [0, 1.4],
        [5, 0.6],
      ],
      [
        [4.5, -9],
        [3.8, 0],
        [3, 9.5],
      ],
    ],
    [
      [
        [2, -9.5],
        [-2, -4],
        [-6, 2.5],
      ],
      [
        [-6, 2.5],
        [0, 2.3],
        [6, 2],
      ],
      [
        [2.4, -9.5],
        [2.4, 0],
        [2.2, 9.5],
      ],
    ],
  ],
  [
    [
      [
        [5, -9],
        [0, -9.2],
        [-4, -9],
      ],
      [
        [-4, -9],
        [-4.6, -5],
        [-4.8, -1.5],
      ],
      [
        [-4.8, -1.5],
        [0, -3],
        [4.6, 0],
        [4.4, 6],
        [0, 9.4],
        [-5, 7.5],
      ],
    ],
    [
      [
        [6, -9.5],
        [1, -8.5],
        [-2, -8],
      ],
      [
        [-2, -8],
        [-3, -5],
        [-4, -1],
      ],
      [
        [-4, -1],
        [0, -1],
        [3.5, 2.5],
        [2, 7.5],
        [-2, 9.5],
        [-6, 8.5],
      ],
    ],
  ],
  [
    [
      [
        [3, -9.5],
        [-2, -5.5],
        [-5, 1.5],
        [-3.6, 8],
        [1, 9.4],
        [4.6, 6.5],
        [3.6, 1.8],
        [-0.5, 0.8],
        [-4.4, 4],
      ],
    ],
    [
      [
        [0, -9.5],
        [-3.5, -3],
        [-4.6, 4],
        [-2, 9],
        [2.5, 9],
        [4.5, 5.5],
        [1.5, 2.4],
        [-4, 5],
      ],
    ],
  ],
  [
    [
      [
        [-5.5, -8.6],
        [0, -8.8],
        [5.4, -9],
      ],
      [
        [5.4, -9],
        [2.4, -1],
        [-0.5, 9.5],
      ],
    ],
    [
      [
        [-5, -6],
        [-4.6, -8.8],
        [0, -8.6],
        [5, -8.8],
      ],
      [
        [5, -8.8],
        [3, -2],
        [2.2, 9.5],
      ],
    ],
    [
      [
        [-5.5, -8.6],
        [0, -8.8],
        [5.4, -9],
      ],
      [
        [5.4, -9],
        [1.4, -1],
        [-2.5, 9.5],
      ],
      [
        [-3, 0],
        [1, 0],
        [5, -0.3],
      ],
    ],
  ],
  [
    [oval(0, -5, 4.2, 4.5), oval(0, 4.7, 4.9, 4.8)],
    [oval(1, -5, 2.6, 4.5), oval(-0.8, 4.7, 3, 4.8)],
    [
      [
        [4, -7.5],
        [0, -9.5],
        [-4, -7],
        [-2, -2.6],
        [2.6, 1.6],
        [4.2, 6],
        [0.5, 9.5],
        [-3.8, 7],
        [-2, 2],
        [2.6, -2.6],
        [4.4, -6],
        [3.4, -8.4],
      ],
    ],
  ],
  [
    [
      oval(-0.3, -4.8, 4.6, 4.7),
      [
        [4.3, -5],
        [4.2, 1],
        [3, 9.5],
      ],
    ],
    [
      [
        [4, -7.5],
        [0, -9.4],
        [-4.2, -6],
        [-3, -1.6],
        [1, -1.6],
        [4, -6],
      ],
      [
        [4, -7],
        [2.5, 0],
        [-0.5, 9.5],
      ],
    ],
  ],
];

/** A closed stroke: an ellipse about a centre. */
function oval(x: number, y: number, radiusX: number, radiusY: number): Stroke {
  return Array.from({ length: 17 }, (_, i) => {
    const turn = (i / 16) * 2 * Math.PI;
    return [x + radiusX * Math.sin(turn), y - radiusY * Math.cos(turn)] as const;
  });
}

/** Samples of the ink to the pixel, each way. */
const finer = 4;
const tableSize = digitSizePx * finer;

/**
 * The ink of strokes `widthPx` wide with an edge of `edgePx`, as a table of `digitSizePx * 4` squared samples in row
 * order, 0 (paper) to 1.
 */
export function inkTable(strokes: readonly Stroke[], widthPx: number, edgePx: number): Float32Array {
  const nearest = new Float32Array(tableSize * tableSize).fill(1e9);
  for (const stroke of strokes) {
    const line = smooth(stroke);
    for (let i = 1; i < line.length; i++) {
      const [ax, ay] = line[i - 1]!;
      const [bx, by] = line[i]!;
      const reach = widthPx / 2 + edgePx;
      const [x0, x1] = [sampleAt(Math.min(ax, bx) - reach), sampleAt(Math.max(ax, bx) + reach)];
      const [y0, y1] = [sampleAt(Math.min(ay, by) - reach), sampleAt(Math.max(ay, by) + reach)];
      const long = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      for (let row = y0; row <= y1; row++)
        for (let column = x0; column <= x1; column++) {
          const px = (column + 0.5) / finer - digitSizePx / 2 - ax;
          const py = (row + 0.5) / finer - digitSizePx / 2 - ay;
          const along = Math.min(1, Math.max(0, (px * (bx - ax) + py * (by - ay)) / long));
          const distance = Math.sqrt((px - along * (bx - ax)) ** 2 + (py - along * (by - ay)) ** 2);
          const at = row * tableSize + column;
          if (distance < nearest[at]!) nearest[at] = distance;
        }
    }
  }
  return nearest.map((distance) => Math.min(1, Math.max(0, (widthPx / 2 - distance) / edgePx + 0.5)));
}

/** Ink under a point, pixels from the centre of the table (bilinear; 0 outside). */
export function inkAt(table: Float32Array, dx: number, dy: number): number {
  const column = (dx + digitSizePx / 2) * finer - 0.5;
  const row = (dy + digitSizePx / 2) * finer - 0.5;
  const c = Math.floor(column);
  const r = Math.floor(row);
  if (c < 0 || r < 0 || c >= tableSize - 1 || r >= tableSize - 1) return 0;
  const right = column - c;
  const down = row - r;
  const at = r * tableSize + c;
  const upper = table[at]! * (1 - right) + table[at + 1]! * right;
  const lower = table[at + tableSize]! * (1 - right) + table[at + tableSize + 1]! * right;
  return upper * (1 - down) + lower * down;
}

/** Centre of mass of a table's ink, pixels from its middle. MNIST has that point in the middle of its pictures. */
export function inkCentre(table: Float32Array): [x: number, y: number] {
  let mass = 0;
  let x = 0;
  let y = 0;
  for (let at = 0; at < table.length; at++) {
    mass += table[at]!;
    x += table[at]! * ((at % tableSize) + 0.5);
    y += table[at]! * (Math.floor(at / tableSize) + 0.5);
  }
  return [x / mass / finer - digitSizePx / 2, y / mass / finer - digitSizePx / 2];
}

interface Shown {
  readonly table: Float32Array;
  readonly centre: readonly [x: number, y: number];
}
const shown: (Shown | undefined)[] = [];

/** How much of a pixel a digit covers, at `dx`, `dy` pixels from its centre of mass. */
export function digitCoverage(digit: number, dx: number, dy: number): number {
  let ink = shown[digit];
  if (!ink) {
    const table = inkTable(handwriting[digit]![0]!, 2.6, 1.4);
    ink = { table, centre: inkCentre(table) };
    shown[digit] = ink;
  }
  return inkAt(ink.table, dx + ink.centre[0], dy + ink.centre[1]);
}

function sampleAt(px: number): number {
  return Math.min(tableSize - 1, Math.max(0, Math.floor((px + digitSizePx / 2) * finer)));
}

/** Eight straight pieces between each two points of a Catmull-Rom curve (Catmull and Rom 1974). */
function smooth(stroke: Stroke): Stroke {
  const out: [number, number][] = [[...stroke[0]!]];
  for (let i = 0; i < stroke.length - 1; i++) {
    const [before, from, to, after] = [
      stroke[i - 1] ?? stroke[i]!,
      stroke[i]!,
      stroke[i + 1]!,
      stroke[i + 2] ?? stroke[i + 1]!,
    ];
    for (let k = 1; k <= 8; k++) {
      const t = k / 8;
      const bend = (a: number, b: number, c: number, d: number) =>
        0.5 *
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
      out.push([bend(before[0], from[0], to[0], after[0]), bend(before[1], from[1], to[1], after[1])]);
    }
  }
  return out;
}
