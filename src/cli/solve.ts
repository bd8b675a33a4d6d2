/** `reflexarc solve`: a problem file, its best assignment found on a noisy recurrent network, and what that took. */

import { readTextFile } from "../../drivers/files.ts";
import { chips, openChip } from "../chips/index.ts";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import { type Account, type ChipLedger, mapNetwork, openAccount } from "../mapping/index.ts";
import {
  type Annealed,
  anneal,
  type Instance,
  readProblem,
  type Solution,
  variables,
} from "../solvers/index.ts";
import { tellLedger, timeText } from "./ledger.ts";

export interface SolveOptions {
  readonly seed: string;
  readonly restarts: string;
  readonly sweeps: string;
  readonly colours?: string;
  readonly chip: string;
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
  const chip = openChip(options.chip, (path) => readTextFile(path, "solve"));
  let account: Account | undefined;
  let stepUs = 0;
  const clock = wallClock();
  const startedUs = clock.nowUs();
  const annealing = anneal(instance.qubo, {
    ...chosen,
    account(network) {
      const layout = mapNetwork(network, chip, { name: file, others: chips });
      const opened = openAccount(layout);
      account = opened;
      stepUs = layout.ground.stepUs;
      return (step, { ids, values, count }) => opened.heard(variables, ids, 0, count, step * stepUs, values);
    },
  });
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
  account!.advance(0, steps * stepUs);
  const bill = account!.read();
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
    energy: { model: `${bill.chip}: ${bill.note}`, microjoules: bill.energyPj.total / 1e6 },
    chip: bill,
    /** As the chip would run without waiting between steps, modelled. */
    chipS: secondsOf(bill),
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
    `  ${wallS.toFixed(2)} s here; ${timeText(told.chipS * 1e9)} on ${bill.chip}, one step after the other`,
    ...tellLedger("  the network", bill),
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

/** Steps in which something happened took their mean, the others what a silent one takes. */
function secondsOf({ steps, asleep, latencyNs }: ChipLedger): number {
  return (steps * ((1 - asleep) * latencyNs.mean + asleep * latencyNs.silent)) / 1e9;
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
