/** The ledger of a network on a chip while it runs: counted by spike and core, never by synapse. */

import { modelOf } from "../network/index.ts";
import { clockedMachine, constantsOf, type Energy, energyOf } from "./bill.ts";
import type { Ground } from "./ground.ts";
import { byCore, type Layout } from "./layout.ts";
import { StepLoad } from "./load.ts";
import { port, type Route, routeBetween } from "./routes.ts";
import { type Sleep, sleepOf } from "./sleep.ts";

/** What a chip did so far, and what the same steps would be for a machine that computes all of them. A model. */
export interface ChipLedger {
  readonly chip: string;
  readonly note: string;
  /** Time that was accounted for, in microseconds, in steps of the chip. */
  readonly spanUs: number;
  readonly stepUs: number;
  readonly steps: number;
  readonly cores: number;
  readonly inputSpikes: number;
  readonly spikes: number;
  readonly synapticOperations: number;
  /** Updates of neurons that something reached in a step, and of those that nothing reached. */
  readonly activeUpdates: number;
  readonly inactiveUpdates: number;
  /** Spikes sent, one for each core that is reached; and the links that they went over. */
  readonly messages: number;
  readonly hops: number;
  /** Synapses at which a learning rule was worked out: in the energy, but not in the time of a step. */
  readonly weightUpdates: number;
  /** By kind, in picojoules. */
  readonly energyPj: Energy;
  readonly meanPowerMw: number;
  /** Modelled time of a step in which something happened, and of one in which nothing does. */
  readonly latencyNs: { readonly mean: number; readonly max: number; readonly silent: number };
  /** Steps that took longer than they stand for: the chip would not keep up. */
  readonly late: number;
  /** Share of steps in which nothing happened, 0 to 1. */
  readonly asleep: number;
  /** Of a network that a gate has let sleep: no neuron was updated then, and all it took was the chip's idle power. */
  readonly sleep?: Sleep;
  readonly clocked: Clocked;
  readonly constants: Readonly<Record<string, string>>;
}

export interface Clocked {
  readonly machine: string;
  readonly neuronUpdates: number;
  readonly synapticOperations: number;
  readonly energyPj: number;
  /** Its operations and energy over those of the chip. */
  readonly operationsRatio: number;
  readonly energyRatio: number;
  readonly source: string;
}

/** Spikes are heard in order of time; work is accounted to the step in which its spike was sent. */
export interface Account {
  /** Hears `ids[from]` to `ids[to - 1]` of a population; `values` are spikes each. */
  heard(
    population: number,
    ids: Uint32Array,
    from: number,
    to: number,
    timeUs: number,
    values?: Float64Array,
  ): void;
  /** Time has come to `toUs`; the first call's `fromUs` is the start. */
  advance(fromUs: number, toUs: number): void;
  /** The engine's own count of weight updates has come to `weightUpdates`. */
  learned(weightUpdates: number): void;
  /** The same, and nothing was worked on, not even in steps: a gate slept. */
  sleep(fromUs: number, toUs: number): void;
  /** A gate has let go of so many input spikes. */
  withheld(spikes: number): void;
  read(): ChipLedger;
}

/** The rows of a population: which routes and slices a spike of each neuron leads to. */
interface Rows {
  readonly routeStarts: Uint32Array;
  readonly routes: Uint32Array;
  readonly sliceStarts: Uint32Array;
  readonly slices: Uint32Array;
  readonly operations: Float64Array;
}

/** Opens the account of a layout. Costs a spike the cores it reaches, and a step with spikes the cores in use. */
export function openAccount(layout: Layout): Account {
  const { ground, slices } = layout;
  const { network, chip, stepUs } = ground;
  const { rows, routes } = rowsOf(layout);
  const load = new StepLoad(layout, routes);
  load.settle();
  const silentNs = load.latencyNs;
  const neurons = slices.reduce((sum, { first, end }) => sum + end - first, 0);
  const synapses = rows.reduce((sum, row) => sum + (row?.operations.reduce((a, b) => a + b, 0) ?? 0), 0);
  const total = {
    ...{ synapticOperations: 0, activeUpdates: 0, messages: 0 },
    ...{ hopsX: 0, hopsY: 0, busy: 0, late: 0, latencySum: 0, latencyMax: 0 },
  };
  let startUs = Number.NaN;
  let endUs = Number.NaN;
  let weightUpdates = 0;
  let open = Number.NaN;
  let asleepUs = 0;
  let withheldSpikes = 0;

  // What a spike touches is typed arrays alone.
  const { messages, operations } = load;
  const heardSpikes = new Float64Array(2);

  /** Adds the open step to a sum. */
  function addOpen(sum: typeof total): void {
    load.settle();
    sum.messages += load.sent;
    sum.synapticOperations += load.operated;
    sum.activeUpdates += load.active;
    sum.hopsX += load.hopsX;
    sum.hopsY += load.hopsY;
    sum.busy += 1;
    sum.latencySum += load.latencyNs;
    sum.latencyMax = Math.max(sum.latencyMax, load.latencyNs);
    // A tick is as long as a step: only what is longer is late.
    if (load.latencyNs > stepUs * 1000) sum.late += 1;
  }

  function advance(fromUs: number, toUs: number): void {
    if (Number.isNaN(startUs)) startUs = fromUs;
    endUs = toUs;
  }

  return {
    heard(population, ids, from, to, timeUs, values) {
      const row = rows[population];
      if (!row) return;
      const step = Math.floor(timeUs / stepUs);
      if (step !== open) {
        if (!Number.isNaN(open)) {
          addOpen(total);
          load.clear();
        }
        open = step;
      }
      const { routeStarts, sliceStarts, routes: led, slices: reached, operations: each } = row;
      let count = 0;
      for (let k = from; k < to; k++) {
        const id = ids[k]!;
        if (id >= routeStarts.length - 1) continue;
        // What is no count of spikes is one message with a value in it.
        const value = values ? Math.abs(values[k]!) : 1;
        const spikes = Number.isInteger(value) ? value : 1;
        count += spikes;
        for (let at = routeStarts[id]!; at < routeStarts[id + 1]!; at++) {
          messages[led[at]!]! += spikes;
        }
        for (let at = sliceStarts[id]!; at < sliceStarts[id + 1]!; at++) {
          operations[reached[at]!]! += each[at]! * spikes;
        }
      }
      heardSpikes[population === network.input ? 0 : 1]! += count;
    },
    advance,
    sleep(fromUs, toUs) {
      advance(fromUs, toUs);
      asleepUs += toUs - fromUs;
    },
    withheld(spikes) {
      withheldSpikes += spikes;
    },
    learned(count) {
      weightUpdates = count;
    },
    read() {
      const sum = { ...total };
      if (!Number.isNaN(open)) addOpen(sum);
      const spanUs = Number.isNaN(startUs) ? 0 : endUs - startUs;
      const grid = spanUs === 0 ? 0 : Math.ceil(endUs / stepUs) - Math.floor(startUs / stepUs);
      const steps = Math.max(sum.busy, grid);
      // Of the steps of a sleep only whole ones are left out.
      const worked = Math.max(sum.busy, steps - Math.floor(asleepUs / stepUs));
      const inactive = load.everyStep ? worked * neurons - sum.activeUpdates : 0;
      const energyPj = energyOf(chip, { ...sum, inactiveUpdates: inactive, weightUpdates }, spanUs);
      const own = sum.synapticOperations + sum.activeUpdates + inactive;
      return {
        chip: chip.name,
        note: "A model: counted events times the constants below, not a measurement.",
        ...{ spanUs, stepUs, steps, cores: load.cores.length },
        inputSpikes: heardSpikes[0]!,
        spikes: heardSpikes[1]!,
        synapticOperations: sum.synapticOperations,
        activeUpdates: sum.activeUpdates,
        inactiveUpdates: inactive,
        messages: sum.messages,
        hops: sum.hopsX + sum.hopsY,
        weightUpdates,
        energyPj,
        // 1 pJ over 1 us is 1 uW.
        meanPowerMw: spanUs > 0 ? energyPj.total / spanUs / 1000 : 0,
        latencyNs: {
          mean: sum.busy > 0 ? sum.latencySum / sum.busy : 0,
          max: sum.latencyMax,
          silent: silentNs,
        },
        late: sum.late,
        asleep: steps > 0 ? 1 - sum.busy / steps : 0,
        ...(asleepUs > 0 && {
          sleep: sleepOf(chip, {
            ...{ spanUs, asleepUs, withheldSpikes, sleptSteps: steps - worked },
            updatesAStep: load.everyStep ? neurons : 0,
            ...leastOf(rows[network.input]),
            neuronUpdates: sum.activeUpdates + inactive,
            synapticOperations: sum.synapticOperations,
            totalPj: energyPj.total,
          }),
        }),
        clocked: clockedRun(steps, neurons, synapses, own, energyPj.total),
        constants: constantsOf(chip),
      };
    },
  };
}

/** Synapses and messages of the neuron that has the fewest. */
function leastOf(row: Rows | undefined): { operationsASpike: number; messagesASpike: number } {
  let [operationsASpike, messagesASpike] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let id = 0; row && id < row.routeStarts.length - 1; id++) {
    let sum = 0;
    for (let at = row.sliceStarts[id]!; at < row.sliceStarts[id + 1]!; at++) sum += row.operations[at]!;
    operationsASpike = Math.min(operationsASpike, sum);
    messagesASpike = Math.min(messagesASpike, row.routeStarts[id + 1]! - row.routeStarts[id]!);
  }
  return operationsASpike < Infinity
    ? { operationsASpike, messagesASpike }
    : { operationsASpike: 0, messagesASpike: 0 };
}

function clockedRun(
  steps: number,
  neurons: number,
  synapses: number,
  operations: number,
  energyPj: number,
): Clocked {
  const all = steps * (neurons + synapses);
  const spent = all * clockedMachine.picojoulesPerOperation;
  return {
    machine: clockedMachine.name,
    neuronUpdates: steps * neurons,
    synapticOperations: steps * synapses,
    energyPj: spent,
    operationsRatio: operations > 0 ? all / operations : 0,
    energyRatio: energyPj > 0 ? spent / energyPj : 0,
    source: clockedMachine.source,
  };
}

/** More than a chip has cores. */
const keysAStart = 2 ** 26;

/** Tables by neuron of all populations whose spikes go somewhere or are counted. */
function rowsOf(layout: Layout): { rows: (Rows | undefined)[]; routes: Route[] } {
  const { ground, slices } = layout;
  const { network } = ground;
  const routes: Route[] = [];
  const known = new Map<number, number>();
  const routeOf = (from: number, to: number) => {
    const key = from * keysAStart + to;
    let index = known.get(key);
    if (index === undefined) {
      index = routes.push(routeBetween(ground, from, to)) - 1;
      known.set(key, index);
    }
    return index;
  };
  const contents = [...byCore(slices)];
  const places = new Map(slices.map((slice, place) => [slice, place]));
  const rows = network.populations.map((_, p) =>
    p === network.input || fires(ground, p)
      ? rowsFrom(ground, p, layout, contents, places, routeOf)
      : undefined,
  );
  return { rows, routes };
}

/** Whether a population has neurons that spike; others give values in every step, which no message is counted for. */
function fires({ network, placed }: Ground, p: number): boolean {
  const { neuron } = network.populations[p]!;
  return (
    placed.includes(p) && (neuron?.model === "jump" || (neuron !== undefined && modelOf(neuron.model).spikes))
  );
}

function rowsFrom(
  ground: Ground,
  p: number,
  { slices }: Layout,
  contents: readonly (readonly [core: number, spans: readonly Layout["slices"][number][]])[],
  places: ReadonlyMap<Layout["slices"][number], number>,
  routeOf: (from: number, to: number) => number,
): Rows {
  const { size } = ground.network.populations[p]!;
  const led = new Set(ground.outOf[p]!.map(({ to }) => to));
  const linked = contents.flatMap(([core, spans]) => {
    const targets = spans.filter(({ population }) => led.has(population));
    return targets.length > 0 ? [{ core, targets }] : [];
  });
  const own = slices.filter(({ population }) => population === p);
  const routeStarts = new Uint32Array(size + 1);
  const sliceStarts = new Uint32Array(size + 1);
  const routes: number[] = [];
  const reached: number[] = [];
  const operations: number[] = [];
  let at = 0;
  for (let id = 0; id < size; id++) {
    while (own[at] && id >= own[at]!.end) at += 1;
    const from = own[at]?.core ?? port;
    for (const { core, targets } of linked) {
      let any = false;
      for (const target of targets) {
        const count = ground.synapsesInto(p, id, target);
        if (count === 0) continue;
        any = true;
        reached.push(places.get(target)!);
        operations.push(count);
      }
      if (any) routes.push(routeOf(from, core));
    }
    routeStarts[id + 1] = routes.length;
    sliceStarts[id + 1] = reached.length;
  }
  return {
    routeStarts,
    sliceStarts,
    routes: Uint32Array.from(routes),
    slices: Uint32Array.from(reached),
    operations: Float64Array.from(operations),
  };
}
