/** Learning rules as sums of products, the way Loihi writes them: `dw = 2*x1*y0 - 2*y1*x0`. Read, never evaluated as code. */

import { nearestName } from "../errors.ts";

/** What a rule may speak of: events (1 at a spike), traces, and what a synapse itself holds. */
export const ruleVariables = {
  x0: "a spike of the source arrives",
  x1: "first trace of the source",
  x2: "second trace of the source",
  y0: "the target fires",
  y1: "first trace of the target",
  y2: "second trace of the target",
  y3: "third trace of the target",
  r0: "a reward comes, with its value",
  w: "the weight",
  t: "the synapse's tag (eligibility)",
} as const;
export type RuleVariable = keyof typeof ruleVariables;

/** Events: a product is worked out when its one event happens, and never else. */
export const ruleEvents = ["x0", "y0", "r0"] as const;
export type RuleEvent = (typeof ruleEvents)[number];

/** coefficient times its factors, at each `event`; a factor that stands twice is squared. */
export interface Product {
  readonly event: RuleEvent;
  readonly coefficient: number;
  readonly factors: readonly Exclude<RuleVariable, RuleEvent>[];
}

/** What a rule may be at most: more is a mistake, or an attack. */
export const ruleBounds = { characters: 1000, nesting: 16, products: 64, power: 8 } as const;

/** A mistake in a rule; `at` counts characters from 1. */
export class RuleError extends Error {
  readonly at: number;
  readonly remedy: string;
  constructor(what: string, at: number, remedy: string) {
    super(`${what} at character ${at}`);
    this.at = at;
    this.remedy = remedy;
  }
}

/**
 * Reads a rule, for example `dw = 2^-4*x1*y0 - 0.1*(y1 + 0.2)*x0*w`; the left side may be left out. Numbers,
 * variables, + - *, whole powers and brackets, which are multiplied out. Throws a RuleError.
 */
export function parseRule(text: string, left: "dw" | "dt"): Product[] {
  if (text.length > ruleBounds.characters)
    throw new RuleError(
      `more than ${ruleBounds.characters} characters`,
      ruleBounds.characters,
      "Shorten it.",
    );
  const reader = new RuleReader(text, left);
  return reader.read().map((term) => productOf(term, reader));
}

/** A product of powers, not yet told from which event on. */
interface Term {
  readonly coefficient: number;
  readonly powers: Readonly<Partial<Record<RuleVariable, number>>>;
  /** Where it begins. */
  readonly at: number;
}

function productOf({ coefficient, powers, at }: Term, reader: RuleReader): Product {
  const named = Object.keys(powers) as RuleVariable[];
  const events = ruleEvents.filter((event) => named.includes(event));
  if (events.length !== 1)
    throw reader.error(
      events.length === 0
        ? "a product without an event"
        : `a product of two events, ${events.join(" and ")},`,
      at,
      events.length === 0
        ? "Each product needs one of x0 (a spike arrives), y0 (the target fires) or r0 (a reward comes)."
        : "Two spikes never meet in one microsecond by design: take a trace in place of one, x1*y0.",
    );
  if ((powers.r0 ?? 0) > 1) throw reader.error("a product of r0 and r0", at, "A reward counts once.");
  const factors = named.flatMap((name) =>
    isEvent(name) ? [] : Array<typeof name>(powers[name]!).fill(name),
  );
  return { event: events[0]!, coefficient, factors };
}

function isEvent(name: RuleVariable): name is RuleEvent {
  return (ruleEvents as readonly string[]).includes(name);
}

/** A descent through sum, product, power and atom; each answers a sum of terms. */
class RuleReader {
  readonly #text: string;
  readonly #left: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, left: "dw" | "dt") {
    this.#text = text;
    this.#left = left;
  }

  read(): Term[] {
    const before = this.#at;
    if (this.#word() === this.#left && this.#takes("=")) this.#skip();
    else this.#at = before;
    const sum = this.#sum();
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return sum;
  }

  error(what: string, at: number, remedy: string): RuleError {
    return new RuleError(what, at + 1, remedy);
  }

  #sum(): Term[] {
    let sum: Term[] = [];
    for (let first = true; ; first = false) {
      const minus = this.#takes("-");
      const plus = !minus && this.#takes("+");
      if (!first && !minus && !plus) return sum;
      const at = this.#at;
      const product = this.#product();
      sum = this.#gather([...sum, ...(minus ? product.map(negative) : product)], at);
    }
  }

  #product(): Term[] {
    let product = this.#power();
    while (this.#takes("*")) product = this.#times(product, this.#power());
    return product;
  }

  #power(): Term[] {
    const at = this.#at;
    const base = this.#atom();
    if (!this.#takes("^")) return base;
    const negated = this.#takes("-");
    const power = this.#number();
    if (power === undefined || !Number.isInteger(power)) throw this.#unexpected("a whole number");
    const [{ coefficient, powers } = { coefficient: 0, powers: {} }] = base;
    if (base.length <= 1 && Object.keys(powers).length === 0) {
      const value = coefficient ** (negated ? -power : power);
      if (!Number.isFinite(value))
        throw this.error(`${coefficient} to a power that is too high`, at, "Lower it.");
      return [{ coefficient: value, powers, at }];
    }
    if (negated || power < 1 || power > ruleBounds.power)
      throw this.error(
        `the power ${negated ? "-" : ""}${power}`,
        at,
        `A variable's power is 1 to ${ruleBounds.power}; only a number has others, as in 2^-4.`,
      );
    let result = base;
    for (let k = 1; k < power; k++) result = this.#times(result, base);
    return result;
  }

  #atom(): Term[] {
    this.#skip();
    const at = this.#at;
    if (this.#takes("(")) {
      this.#depth += 1;
      if (this.#depth > ruleBounds.nesting)
        throw this.error(`brackets more than ${ruleBounds.nesting} deep`, at, "Multiply them out.");
      const sum = this.#sum();
      if (!this.#takes(")")) throw this.#unexpected('")"');
      this.#depth -= 1;
      return sum;
    }
    const number = this.#number();
    if (number !== undefined) return [{ coefficient: number, powers: {}, at }];
    const name = this.#word();
    if (name === undefined) throw this.#unexpected("a number, a variable or a bracket");
    if (!Object.hasOwn(ruleVariables, name)) throw this.#unknown(name, at);
    return [{ coefficient: 1, powers: { [name]: 1 }, at }];
  }

  #times(a: readonly Term[], b: readonly Term[]): Term[] {
    const at = a[0]?.at ?? this.#at;
    return this.#gather(
      a.flatMap((one) =>
        b.map((other) => ({
          coefficient: one.coefficient * other.coefficient,
          powers: sumOfPowers(one.powers, other.powers),
          at: one.at,
        })),
      ),
      at,
    );
  }

  /** Adds up terms of the same powers, in the order in which they were first met. */
  #gather(terms: readonly Term[], at: number): Term[] {
    const byPowers = new Map<string, Term>();
    for (const term of terms) {
      const key = Object.keys(ruleVariables)
        .map((name) => term.powers[name as RuleVariable] ?? 0)
        .join();
      const before = byPowers.get(key);
      byPowers.set(key, before ? { ...before, coefficient: before.coefficient + term.coefficient } : term);
      const highest = Math.max(0, ...Object.values(term.powers));
      if (highest > ruleBounds.power)
        throw this.error(`a power above ${ruleBounds.power}`, term.at, "Lower it.");
    }
    const kept = [...byPowers.values()].filter(({ coefficient }) => coefficient !== 0);
    if (kept.length > ruleBounds.products)
      throw this.error(`more than ${ruleBounds.products} products`, at, "Use fewer brackets.");
    const wild = kept.find(({ coefficient }) => !Number.isFinite(coefficient));
    if (wild) throw this.error("a number beyond all bounds", wild.at, "Use smaller numbers.");
    return kept;
  }

  #number(): number | undefined {
    const found = this.#match(/(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
    return found === undefined ? undefined : Number(found);
  }

  #word(): string | undefined {
    return this.#match(/[A-Za-z_]\w*/y);
  }

  #match(pattern: RegExp): string | undefined {
    this.#skip();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #takes(sign: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #unexpected(wanted?: string): RuleError {
    this.#skip();
    const found = this.#text[this.#at];
    const what = found === undefined ? "the rule ends" : `unexpected ${JSON.stringify(found)}`;
    const remedies: Readonly<Record<string, string>> = {
      "/": "There is no division: write 2^-3 or 0.125.",
      "=": `The left side is ${this.#left}, or left out.`,
    };
    const remedy =
      remedies[found ?? ""] ?? (wanted ? `Wanted is ${wanted}.` : "Known are + - * ^ and brackets.");
    return this.error(what, this.#at, remedy);
  }

  #unknown(name: string, at: number): RuleError {
    const names = Object.keys(ruleVariables);
    const near = nearestName(name, names);
    return this.error(
      `unknown variable "${name}"`,
      at,
      `${near ? `Did you mean "${near}"? ` : ""}Variables are ${names.join(", ")}.`,
    );
  }
}

function negative(term: Term): Term {
  return { ...term, coefficient: -term.coefficient };
}

function sumOfPowers(a: Term["powers"], b: Term["powers"]): Term["powers"] {
  const sum: Partial<Record<RuleVariable, number>> = { ...a };
  for (const [name, power] of Object.entries(b) as [RuleVariable, number][]) {
    // A spike is 1 or 0: its square is itself. Not so a reward, which has a value.
    sum[name] = name === "x0" || name === "y0" ? 1 : (sum[name] ?? 0) + power;
  }
  return sum;
}
