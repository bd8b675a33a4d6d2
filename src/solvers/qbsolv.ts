/** qbsolv's .qubo: `p qubo target nodes terms couplers`, then a line `i j value` a term. */

import { exactly, instanceBounds, linesOf, numberIn, refused, wholeIn } from "./lines.ts";
import type { ProblemFormat } from "./problem.ts";
import { QuboTerms, quboEnergy } from "./qubo.ts";

/** dwavesystems/qbsolv, `qbsolv -h`: nodes from 0, `i i value` before `i j value`, with i < j; it minimises. */
export const qbsolv: ProblemFormat = {
  name: "qbsolv",
  about: "QUBO, as qbsolv writes it",
  recognises: (text) => /^(\s*(c\b.*)?\n)*\s*p\s+qubo\b/.test(text),
  read(text, file) {
    const [head, ...rows] = linesOf(text, file, /^(c(\s|$)|#)/);
    exactly(head!, 6, "p qubo 0 nodes terms couplers");
    const size = wholeIn(head!, 3, "number of nodes", 1, instanceBounds.variables);
    const terms = wholeIn(head!, 4, "number of diagonal terms", 0, size);
    const couplers = wholeIn(head!, 5, "number of couplers", 0, instanceBounds.couplings);
    const qubo = new QuboTerms(size);
    const seen = { terms: 0, couplers: 0 };
    for (const row of rows) {
      exactly(row, 3, "node node value");
      const [i, j] = [wholeIn(row, 0, "node", 0, size - 1), wholeIn(row, 1, "node", 0, size - 1)];
      if (i > j) throw refused(`the coupler ${i} ${j} is not in the upper triangle`, row.where);
      seen[i === j ? "terms" : "couplers"] += 1;
      qubo.add(i, j, numberIn(row, 2, "value"));
    }
    if (seen.terms !== terms || seen.couplers !== couplers)
      throw refused(
        `${seen.terms} diagonal terms and ${seen.couplers} couplers follow, not ${terms} and ${couplers}`,
        head!.where,
      );
    const built = qubo.build();
    return {
      problem: "qubo",
      about: `${size} variables, ${built.others.length / 2} couplings`,
      goal: "minimise",
      qubo: built,
      decode: (x) => ({ valid: true, value: quboEnergy(built, x), assignment: [...x] }),
    };
  },
};
