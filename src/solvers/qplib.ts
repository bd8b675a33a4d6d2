/** QPLIB's .qplib, type QBN: a quadratic objective over binary variables and nothing else. */

import { instanceBounds, type Line, linesOf, numberIn, refused, wholeIn } from "./lines.ts";
import type { ProblemFormat } from "./problem.ts";
import { QuboTerms, quboEnergy } from "./qubo.ts";

/**
 * Furini et al., "QPLIB: a library of quadratic programming instances", Math. Prog. Comp. 11, 2019, appendix. The
 * objective is x' Q x / 2 + b' x + q, with the lower triangle of the symmetric Q as `i j value`, from 1. What follows
 * the constant (infinity, starting point, names) is of no meaning here.
 */
export const qplib: ProblemFormat = {
  name: "qplib",
  about: "QUBO, as QPLIB has it (type QBN)",
  recognises: (text) =>
    /^\s*\S+[^\n]*\n\s*[CDLQ][BCGIM][BCDLNQ]\b[^\n]*\n\s*(minimize|maximize)\b/i.test(text),
  read(text, file) {
    const lines = linesOf(text, file, /^[#!]/);
    let next = 0;
    const line = (name: string): Line => {
      const found = lines[next];
      next += 1;
      return found ?? refusedEnd(name, lines.at(-1)!);
    };
    next = 1;
    const type = line("type");
    if (type.words[0]!.toUpperCase() !== "QBN")
      throw refused(
        `the problem is of type ${type.words[0]}`,
        type.where,
        "Only QBN can be solved: a quadratic objective, binary variables, no constraints.",
      );
    const sense = line("sense").words[0]!.toLowerCase() === "maximize" ? -1 : 1;
    const size = wholeIn(line("number of variables"), 0, "number of variables", 1, instanceBounds.variables);
    const qubo = new QuboTerms(size);
    const quadratic = wholeIn(line("terms"), 0, "number of quadratic terms", 0, instanceBounds.couplings);
    for (let k = 0; k < quadratic; k++) {
      const row = line("quadratic term");
      const [i, j] = [wholeIn(row, 0, "variable", 1, size) - 1, wholeIn(row, 1, "variable", 1, size) - 1];
      const value = numberIn(row, 2, "value");
      qubo.add(i, j, sense * (i === j ? value / 2 : value));
    }
    const usual = numberIn(line("default of b"), 0, "default of b");
    const linear = new Float64Array(size).fill(usual);
    const others = wholeIn(line("entries of b"), 0, "number of other entries of b", 0, size);
    for (let k = 0; k < others; k++) {
      const row = line("entry of b");
      linear[wholeIn(row, 0, "variable", 1, size) - 1] = numberIn(row, 1, "value");
    }
    for (const [i, value] of linear.entries()) qubo.add(i, i, sense * value);
    qubo.offset = sense * numberIn(line("constant"), 0, "constant");
    const built = qubo.build();
    return {
      problem: "qubo",
      about: `${size} variables, ${built.others.length / 2} couplings`,
      goal: sense === 1 ? "minimise" : "maximise",
      qubo: built,
      decode: (x) => ({ valid: true, value: sense * quboEnergy(built, x), assignment: [...x] }),
    };
  },
};

function refusedEnd(name: string, last: Line): never {
  throw refused(`the file ends before its ${name}`, last.where);
}
