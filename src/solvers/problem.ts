/** The shape of a problem file's format: what it recognises, and the instance that it makes. */

import type { Qubo } from "./qubo.ts";

/** A problem as a QUBO, and what an assignment of its variables means. */
export interface Instance {
  readonly problem: "qubo" | "max-cut" | "colouring" | "tour";
  /** For people: "60 nodes, 885 edges". */
  readonly about: string;
  readonly goal: "minimise" | "maximise";
  readonly qubo: Qubo;
  /** Takes 0 and 1 a variable. */
  decode(x: Uint8Array): Solution;
}

export interface Solution {
  /** Whether it keeps all constraints; without any it does. */
  readonly valid: boolean;
  /** In the problem's own terms and sense: energy, weight of the cut, edges in conflict, length of the tour. */
  readonly value: number;
  /** The values of the variables, the side of each node, its colour (from 1; 0 for none), the cities (from 1) in order. */
  readonly assignment: readonly number[];
}

export interface ProblemOptions {
  /** Colours that a colouring may use; as many as a greedy one needs by default. */
  readonly colours?: number;
}

export interface ProblemFormat {
  /** Kebab-case, the name of its file. */
  readonly name: string;
  readonly about: string;
  /** Tells by the first lines that are no comment. */
  recognises(text: string): boolean;
  /** Throws a ReflexarcError that names file and line. */
  read(text: string, file: string, options: ProblemOptions): Instance;
}
