/** `reflexarc solve`: a problem file, its best assignment found on a noisy recurrent network, and what that took. */

import { readTextFile } from "../../drivers/files.ts";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import { type Annealed, anneal, type Instance, readProblem, type Solution } from "../solvers/index.ts";
import { picojoules } from "./evaluate.ts";

export interface SolveOptions {
  readonly seed: string;
  readonly restarts: string;
  readonly sweeps: string;
  readonly colours?: string;
  readonly json?: boolean;
}

interface Found extends Solution, Pick<Annealed, "restart" | "sweep" | "energy"> {}

/** Exit code 0 with a solution, and 3, as `diff` has it, where none was found that keeps the problem's constraints. */
export function solve(file: string, options: SolveOptions): void {
  const instance = readProblem(readTextFile(file, "solve"), file, {
    ...(options.colours !== undefined && { colours: wholeOf(options.colours, "--colours", 1) }),
  });
  const chosen = {
    seed: wholeOf(options.seed, "--seed", 0),
    restarts: wholeOf(options.restarts, "--restarts", 1),
    sweeps: wholeOf(options.sweeps, "--sweeps", 1),
  };
  const clock = wallClock();
  const startedUs = clock.nowUs();
  const annealing = anneal(instance.qubo, chosen);
  let best: Found | undefined;
  let valid = 0;
  let equal = 0;
  for (const { x, restart, sweep, energy } of annealing.restarts) {
    const found = { ...instance.decode(x), restart, sweep, energy };
    if (found.valid) valid += 1;
    if (!best || isBetter(found, best, instance)) {
      best = found;
      equal = 0;
    }
    if (found.valid === best.valid && found.value === best.value) equal += 1;
    if (process.stderr.isTTY)
      process.stderr.write(`\r${restart + 1} of ${chosen.restarts}, best ${best.value}`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const wallS = (clock.nowUs() - startedUs) / 1e6;
  const { ledger, steps } = annealing;
  const energyPj =
    picojoules["synaptic operations"] * ledger.synapticOperations +
    picojoules["neuron updates"] * ledger.neuronUpdates;
  const told = {
    file,
    problem: instance.problem,
    about: instance.about,
    goal: instance.goal,
    best: best!,
    /** Restarts that kept all constraints, and those that were as good as the best. */
    restarts: { all: chosen.restarts, valid, best: equal },
    seed: chosen.seed,
    sweeps: chosen.sweeps,
    network: { neurons: annealing.neurons, synapses: annealing.synapses, turns: annealing.turns },
    steps,
    ledger: {
      spikes: ledger.spikes,
      synapticOperations: ledger.synapticOperations,
      neuronUpdates: ledger.neuronUpdates,
    },
    energy: {
      model: "Loihi, Davies 2018: 23.6 pJ a synaptic operation, 81 pJ a neuron update",
      microjoules: energyPj / 1e6,
    },
    wallS,
  };
  if (!best!.valid) process.exitCode = 3;
  if (options.json) {
    process.stdout.write(JSON.stringify(told, null, 2) + "\n");
    return;
  }
  const { network, restarts } = told;
  const lines = [
    `${file}: ${instance.problem}, ${instance.about}`,
    `  ${namesOf[instance.problem]} ${best!.value}${best!.valid ? "" : ", NOT VALID: it breaks a constraint"}` +
      `, in ${equal} of ${restarts.all} restarts${valid < restarts.all ? ` (${valid} valid)` : ""}`,
    ...wrapped(best!.assignment, instance.problem === "qubo" || instance.problem === "max-cut" ? "" : " "),
    `  ${network.neurons} neurons, ${network.synapses} synapses, ${network.turns} turns a sweep, ${steps} steps`,
    `  ${ledger.spikes} spikes, ${ledger.synapticOperations} synaptic operations, ${ledger.neuronUpdates} neuron updates`,
    `  ${told.energy.microjoules.toPrecision(4)} uJ (${told.energy.model}), ${wallS.toFixed(2)} s here`,
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

const namesOf: Readonly<Record<Instance["problem"], string>> = {
  qubo: "value",
  "max-cut": "cut",
  colouring: "conflicts",
  tour: "length",
};

function isBetter(a: Solution, b: Solution, { goal }: Instance): boolean {
  if (a.valid !== b.valid) return a.valid;
  return goal === "minimise" ? a.value < b.value : a.value > b.value;
}

/** Lines of at most 100 characters. */
function wrapped(assignment: readonly number[], gap: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const value of assignment) {
    if (line.length + gap.length + `${value}`.length > 100) {
      lines.push(line);
      line = "";
    }
    line += `${line === "" ? "" : gap}${value}`;
  }
  return [...lines, line].map((each) => `  ${each}`);
}

function wholeOf(text: string, name: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= 2 ** 31 - 1) return value;
  throw new ReflexarcError({
    kind: "usage",
    room: "solve",
    what: `${name} is "${text}"`,
    remedy: `Give a whole number from ${least}.`,
  });
}
