/** Max-cut in rudy's format, as Gset and Biq Mac have it: `nodes edges`, then a line `i j weight` an edge. */

import { exactly, instanceBounds, linesOf, numberIn, refused, wholeIn } from "./lines.ts";
import type { ProblemFormat } from "./problem.ts";
import { QuboTerms, quboEnergy } from "./qubo.ts";

/** Nodes are counted from 1; an edge without a weight weighs 1; the cut is the sum over edges between the sides. */
export const rudy: ProblemFormat = {
  name: "rudy",
  about: "max-cut: an edge list as Gset's and Biq Mac's (.mc)",
  recognises: (text) => /^(\s*(#.*)?\n)*\s*\d+\s+\d+\s*(\n|$)/.test(text),
  read(text, file) {
    const [head, ...rows] = linesOf(text, file);
    exactly(head!, 2, "nodes edges");
    const size = wholeIn(head!, 0, "number of nodes", 1, instanceBounds.variables);
    const edges = wholeIn(head!, 1, "number of edges", 0, instanceBounds.couplings);
    if (rows.length !== edges) throw refused(`${rows.length} edges follow, not ${edges}`, head!.where);
    const qubo = new QuboTerms(size);
    const seen = new Set<number>();
    for (const row of rows) {
      if (row.words.length !== 2) exactly(row, 3, "node node weight");
      const [i, j] = [wholeIn(row, 0, "node", 1, size) - 1, wholeIn(row, 1, "node", 1, size) - 1];
      if (i === j) throw refused(`the edge ${i + 1} ${j + 1} joins a node to itself`, row.where);
      const place = Math.min(i, j) * size + Math.max(i, j);
      if (seen.has(place)) throw refused(`the edge ${i + 1} ${j + 1} is there twice`, row.where);
      seen.add(place);
      const weight = row.words.length === 2 ? 1 : numberIn(row, 2, "weight");
      // -w (x + y - 2 x y): minus the weight where the ends are on two sides.
      qubo.add(i, i, -weight);
      qubo.add(j, j, -weight);
      qubo.add(i, j, 2 * weight);
    }
    const built = qubo.build();
    return {
      problem: "max-cut",
      about: `${size} nodes, ${edges} edges`,
      goal: "maximise",
      qubo: built,
      // + 0, so that an empty cut is no -0.
      decode: (x) => ({ valid: true, value: -quboEnergy(built, x) + 0, assignment: [...x] }),
    };
  },
};
