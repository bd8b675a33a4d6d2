/** A confusion table as a picture: a row a label, a column a decision, darker where more of the row's samples are. */

import { escaped } from "./roc.ts";

export interface Confusion {
  readonly document: string;
  readonly right: number;
  readonly samples: number;
  readonly classes: readonly string[];
  /** A row a label, a column a class, and the last one for no decision. */
  readonly confusion: readonly (readonly number[])[];
}

const [cell, top] = [40, 60];

export function confusionSvg({ document, right, samples, classes, confusion }: Confusion): string {
  const columns = [...classes, "none"];
  const longest = Math.max(...columns.map(({ length }) => length));
  const left = 40 + 7 * longest;
  const [width, height] = [left + cell * columns.length, top + cell * classes.length];
  const squares = confusion.flatMap((row, i) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, j) => {
      const share = all > 0 ? count / all : 0;
      const [x, y] = [left + j * cell, top + i * cell];
      const fill = i === j ? "#06c" : "#c30";
      return [
        `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="${fill}" fill-opacity="${share.toFixed(3)}" stroke="#ccc"/>`,
        ...(count > 0
          ? [
              `<text x="${x + cell / 2}" y="${y + cell / 2}" dy="4" text-anchor="middle"${share > 0.5 ? ' fill="white"' : ""}>${count}</text>`,
            ]
          : []),
      ];
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 20}" height="${height + 40}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="10" y="22" font-size="14">${escaped(document)}: ${right} of ${samples} right, ${((100 * right) / samples).toFixed(2)} %</text>`,
    ...columns.map(
      (name, j) =>
        `<text x="${left + (j + 0.5) * cell}" y="${top - 8}" text-anchor="middle">${escaped(name)}</text>`,
    ),
    ...classes.map(
      (name, i) =>
        `<text x="${left - 8}" y="${top + (i + 0.5) * cell}" dy="4" text-anchor="end">${escaped(name)}</text>`,
    ),
    ...squares,
    `<text x="${left + (cell * columns.length) / 2}" y="${height + 24}" text-anchor="middle">decided</text>`,
    `<text transform="translate(16 ${top + (cell * classes.length) / 2}) rotate(-90)" text-anchor="middle">label</text>`,
    "</svg>\n",
  ].join("\n");
}
