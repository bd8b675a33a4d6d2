/** Graph colouring in DIMACS's .col: `p edge nodes edges`, then a line `e i j` an edge. */

import { exactly, instanceBounds, linesOf, refused, wholeIn } from "./lines.ts";
import type { ProblemFormat } from "./problem.ts";
import { QuboTerms } from "./qubo.ts";

/** A node has its colour (2), and no edge has one colour at both ends (1): one conflict is cheaper than a node of no colour. */
const oneColour = 2;
const conflict = 1;

/**
 * Variable node * colours + colour is 1 where the node has the colour. Many .col files count each edge twice in their
 * head, or list it from both ends: an edge that is there again is the same edge.
 */
export const dimacs: ProblemFormat = {
  name: "dimacs",
  about: "graph colouring, as DIMACS has it (.col)",
  recognises: (text) => /^(\s*(c\b.*)?\n)*\s*p\s+(edges?|col)\b/.test(text),
  read(text, file, options) {
    const [head, ...rows] = linesOf(text, file, /^c(\s|$)/);
    exactly(head!, 4, "p edge nodes edges");
    const nodes = wholeIn(head!, 2, "number of nodes", 1, instanceBounds.variables);
    const stated = wholeIn(head!, 3, "number of edges", 0, 2 * instanceBounds.couplings);
    const neighbours = Array.from({ length: nodes }, () => new Set<number>());
    let listed = 0;
    for (const row of rows) {
      // Colours or weights of nodes, and names: of no meaning here.
      if (/^[nxdv]$/.test(row.words[0]!)) continue;
      if (row.words[0] !== "e")
        throw refused(`a line of kind "${row.words[0]}"`, row.where, "Edges begin with e.");
      exactly(row, 3, "e node node");
      const [i, j] = [wholeIn(row, 1, "node", 1, nodes) - 1, wholeIn(row, 2, "node", 1, nodes) - 1];
      if (i === j) throw refused(`the edge ${i + 1} ${j + 1} joins a node to itself`, row.where);
      listed += 1;
      neighbours[i]!.add(j);
      neighbours[j]!.add(i);
    }
    const edges = neighbours.reduce((sum, { size }) => sum + size, 0) / 2;
    if (listed !== stated && edges !== stated && 2 * edges !== stated)
      throw refused(`${listed} edges follow, not ${stated}`, head!.where);
    const colours = options.colours ?? greedyColours(neighbours);
    if (nodes * colours > instanceBounds.variables)
      throw refused(
        `${nodes} nodes of ${colours} colours are ${nodes * colours} variables`,
        head!.where,
        `At most ${instanceBounds.variables} are possible.`,
      );
    const qubo = new QuboTerms(nodes * colours);
    for (const [node, others] of neighbours.entries()) {
      const own = Array.from({ length: colours }, (_, colour) => node * colours + colour);
      qubo.exactlyOne(own, oneColour);
      for (const other of others)
        if (other > node)
          for (let colour = 0; colour < colours; colour++)
            qubo.add(own[colour]!, other * colours + colour, conflict);
    }
    return {
      problem: "colouring",
      about: `${nodes} nodes, ${edges} edges, ${colours} colours`,
      goal: "minimise",
      qubo: qubo.build(),
      decode(x) {
        const chosen = neighbours.map((_, node) => {
          const own = [...x.subarray(node * colours, (node + 1) * colours)];
          return own.reduce((sum, bit) => sum + bit, 0) === 1 ? own.indexOf(1) + 1 : 0;
        });
        let conflicts = 0;
        for (const [node, others] of neighbours.entries())
          for (const other of others) if (other > node && chosen[node] === chosen[other]) conflicts += 1;
        return { valid: conflicts === 0 && !chosen.includes(0), value: conflicts, assignment: chosen };
      },
    };
  },
};

/** How many colours DSATUR uses (Brelaz 1979): the node with the most colours around it is next, of equals the busiest. */
function greedyColours(neighbours: readonly ReadonlySet<number>[]): number {
  const around = neighbours.map(() => new Set<number>());
  const open = new Set(neighbours.keys());
  let colours = 1;
  while (open.size > 0) {
    let next = -1;
    for (const node of open) {
      const ahead = next < 0 ? 1 : around[node]!.size - around[next]!.size;
      if (ahead > 0 || (ahead === 0 && neighbours[node]!.size > neighbours[next]!.size)) next = node;
    }
    open.delete(next);
    let colour = 0;
    while (around[next]!.has(colour)) colour += 1;
    colours = Math.max(colours, colour + 1);
    for (const other of neighbours[next]!) around[other]!.add(colour);
  }
  return colours;
}
