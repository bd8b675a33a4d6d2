/** Which of a table's columns is what, and in what unit its times are: by name, or by looking at the first rows. */

/** Places of the four columns in a row. */
export interface ColumnOrder {
  readonly t: number;
  readonly x: number;
  readonly y: number;
  readonly p: number;
}

/** How many rows are looked at where no name tells; all of them when there are fewer. */
export const rowsToLookAt = 256;

const named: Record<keyof ColumnOrder, RegExp> = {
  t: /^(t|ts|time|times|timestamps?)$/,
  x: /^(x|xs|col|column|addr_?x|x_?addr)$/,
  y: /^(y|ys|row|addr_?y|y_?addr)$/,
  p: /^(p|ps|pol|polarity|polarities|on|is_?on|sign)$/,
};

/** Microseconds of a unit that a name ends with: `t_us`, `time [s]`, `timestamp (ns)`. */
const unitsUs: Record<string, number> = {
  s: 1e6,
  sec: 1e6,
  seconds: 1e6,
  ms: 1e3,
  us: 1,
  usec: 1,
  ns: 1e-3,
  nsec: 1e-3,
};

/** A longer one is no name, and not worth a pattern's time. */
const nameLengthMax = 64;

/** A name without its unit, and the unit in microseconds. */
function splitName(name: string): { plain: string; unitUs: number | undefined } {
  if (name.length > nameLengthMax) return { plain: "", unitUs: undefined };
  const clean = name
    .trim()
    .toLowerCase()
    .replace(/["'#]|@\d+$/g, "")
    .replace(/µ|μ/g, "u")
    .trim();
  const [, plain = clean, unit] = /^(.*?)[\s_([]+([a-z]+)[)\]]?$/.exec(clean) ?? [];
  return unit !== undefined && Object.hasOwn(unitsUs, unit)
    ? { plain, unitUs: unitsUs[unit] }
    : { plain: clean, unitUs: undefined };
}

/** The order that names tell, and the unit when the time's name holds one; undefined when one of the four is missing. */
export function orderByName(
  names: readonly string[],
): { order: ColumnOrder; unitUs: number | undefined } | undefined {
  const split = names.map(splitName);
  const find = (key: keyof ColumnOrder) => split.findIndex(({ plain }) => named[key].test(plain));
  const order = { t: find("t"), x: find("x"), y: find("y"), p: find("p") };
  if (Object.values(order).includes(-1)) return undefined;
  return { order, unitUs: split[order.t]!.unitUs };
}

/**
 * The order of columns without names: polarity is the one with no value but -1, 0 and 1, time one that hardly ever
 * falls, has fractions or grows largest; where several suit, `t x y p`, then `x y p t`, then `x y t p`. x comes before y.
 * Undefined when no column can be the polarity.
 */
export function orderByLooking(columns: readonly ArrayLike<number>[]): ColumnOrder | undefined {
  if (columns.length !== 4) return undefined;
  const facts = columns.map(factsOf);
  const largest = Math.max(...facts.map(({ max }) => max));
  let best: ColumnOrder | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const { t, p } of pairs) {
    if (!facts[p]!.isSigns) continue;
    const { rises, isWhole, max } = facts[t]!;
    const score = (rises ? 4 : 0) + (isWhole ? 0 : 8) + (max === largest ? 2 : 0) + custom(t, p);
    if (score <= bestScore) continue;
    bestScore = score;
    const [x, y] = [0, 1, 2, 3].filter((place) => place !== t && place !== p);
    best = { t, x: x!, y: y!, p };
  }
  return best;
}

const pairs = [0, 1, 2, 3].flatMap((t) => [0, 1, 2, 3].filter((p) => p !== t).map((p) => ({ t, p })));

/** Ties go to the order that more people write; always less than one fact counts. */
function custom(t: number, p: number): number {
  return (t === 0 && p === 3 ? 0.8 : 0) + (t === 3 && p === 2 ? 0.6 : 0) + (t === 2 && p === 3 ? 0.4 : 0);
}

function factsOf(values: ArrayLike<number>): {
  isSigns: boolean;
  rises: boolean;
  isWhole: boolean;
  max: number;
} {
  let isSigns = true;
  let isWhole = true;
  let falls = 0;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!isPolarity(value)) isSigns = false;
    if (!Number.isInteger(value)) isWhole = false;
    if (i > 0 && value < values[i - 1]!) falls += 1;
    max = Math.max(max, value);
  }
  return { isSigns, isWhole, max, rises: falls * 20 <= values.length };
}

/** What people write; `x y p t` can only be told from the others by its polarity. */
const customs: readonly ColumnOrder[] = [
  { t: 0, x: 1, y: 2, p: 3 },
  { x: 0, y: 1, p: 2, t: 3 },
  { x: 0, y: 1, t: 2, p: 3 },
];

/** Fewer rows can look like anything. */
const rowsMin = 4;
/** A time may step back now and then; a coordinate does so all the time. */
const fallsMax = 3;

/** Finds the order of four columns row by row, as early as it is sure. */
export class OrderSeeker {
  private readonly rows: number[][] = [];
  private open = customs.map((order) => ({ order, falls: 0 }));

  /** The order once only one of the customary ones is left, or once enough rows are here; `none` when none suits. */
  add(values: ArrayLike<number>): ColumnOrder | "none" | undefined {
    const row = [values[0]!, values[1]!, values[2]!, values[3]!];
    const last = this.rows.at(-1) ?? row;
    this.rows.push(row);
    for (const one of this.open) if (row[one.order.t]! < last[one.order.t]!) one.falls += 1;
    this.open = this.open.filter(
      ({ order: { x, y, p }, falls }) =>
        isPolarity(row[p]!) && isPlace(row[x]!) && isPlace(row[y]!) && falls < fallsMax,
    );
    if (this.open.length === 1 && this.rows.length >= rowsMin) return this.open[0]!.order;
    if (this.rows.length < rowsToLookAt) return undefined;
    return orderByLooking([0, 1, 2, 3].map((place) => this.rows.map((one) => one[place]!))) ?? "none";
  }

  /** The order when no row follows, and only one of the customary ones is left. */
  end(): ColumnOrder | undefined {
    return this.open.length === 1 ? this.open[0]!.order : undefined;
  }
}

function isPolarity(value: number): boolean {
  return value === 0 || value === 1 || value === -1;
}

function isPlace(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 0x8000;
}

/** Fewer rows say nothing of a rate. */
const rowsForRate = 64;

/**
 * Microseconds of the unit of times that no name tells. Whole numbers are microseconds, or nanoseconds from 10^17 on
 * (Unix time) or where many are all thousands and would be less than 50 events a second; others are seconds, unless
 * those would be less than one event in ten seconds.
 */
export function unitByLooking(times: ArrayLike<number>): number {
  const last = times.length === 0 ? 0 : times[times.length - 1]!;
  const gap = times.length < 2 ? 0 : Math.abs(last - times[0]!) / (times.length - 1);
  const every = (is: (time: number) => boolean) => Array.prototype.every.call(times, is);
  if (!every(Number.isInteger)) return Math.abs(last) < 1e11 && gap < 10 ? 1e6 : 1;
  if (Math.abs(last) >= 1e17) return 1e-3;
  const isSlow = times.length >= rowsForRate && gap > 20_000;
  return isSlow && every((time) => time % 1000 === 0) ? 1e-3 : 1;
}

/** A whole microsecond of a time in its unit. */
export function wholeUs(time: number, unitUs: number): number {
  return unitUs === 1e-3 ? Math.round(time / 1000) : Math.round(time * unitUs);
}
