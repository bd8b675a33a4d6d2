/** Solvers without training: problem files, as QUBOs, on a recurrent network whose noise fades. */

import { ReflexarcError } from "../errors.ts";
import { dimacs } from "./dimacs.ts";
import type { Instance, ProblemFormat, ProblemOptions } from "./problem.ts";
import { qbsolv } from "./qbsolv.ts";
import { qplib } from "./qplib.ts";
import { rudy } from "./rudy.ts";
import { tsplib } from "./tsplib.ts";

export { type Annealed, type Annealing, type AnnealOptions, anneal, type StepListener } from "./anneal.ts";
export { variables } from "./network.ts";
export type { Instance, ProblemFormat, ProblemOptions, Solution } from "./problem.ts";
export { type Qubo, QuboTerms, quboEnergy } from "./qubo.ts";

/** All of them, in the order in which they are tried. */
export const problemFormats: readonly ProblemFormat[] = [qbsolv, dimacs, tsplib, qplib, rudy];

/** Reads a problem, told by its content. Throws a ReflexarcError that names file and line. */
export function readProblem(text: string, file: string, options: ProblemOptions): Instance {
  const format = problemFormats.find(({ recognises }) => recognises(text));
  if (format) return format.read(text, file, options);
  throw new ReflexarcError({
    kind: "input",
    room: "solve",
    what: "this is no problem file that is known",
    where: file,
    remedy: `Known are ${problemFormats.map(({ about }) => about).join("; ")}.`,
  });
}
