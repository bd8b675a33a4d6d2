/** Rules as sums of products: what they mean, and what each mistake is told. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRule, RuleError, ruleVariables } from "../../src/network/index.ts";

/** Products as `event coefficient factors`. */
function read(text: string, left: "dw" | "dt" = "dw"): string[] {
  return parseRule(text, left).map(({ event, coefficient, factors }) =>
    [event, coefficient, ...factors].join(" "),
  );
}

test.each([
  ["dw = 2*x1*y0 - 2*y1*x0", ["y0 2 x1", "x0 -2 y1"]],
  ["x0", ["x0 1"]],
  ["-x0*w", ["x0 -1 w"]],
  ["2^-4*x1*y0", ["y0 0.0625 x1"]],
  [".5e-1*y0 + 3.*x0", ["y0 0.05", "x0 3"]],
  ["x0*(y1 + 0.5)*(w - 1)", ["x0 1 y1 w", "x0 -1 y1", "x0 0.5 w", "x0 -0.5"]],
  ["(x1 - w)^2*y0", ["y0 1 x1 x1", "y0 -2 x1 w", "y0 1 w w"]],
  ["x0*y1 + x0*y1", ["x0 2 y1"]],
  ["x0*y1 - x0*y1", []],
  ["x0^3*w", ["x0 1 w"]],
  ["  r0 *\n t ", ["r0 1 t"]],
  ["(((x0)))", ["x0 1"]],
  ["2^3*2^-3*y0", ["y0 1"]],
  ["(2 - 1)^4*y0", ["y0 1"]],
] as const)("%s", (text, expected) => {
  expect(read(text)).toEqual(expected);
});

test("the left side is the rule's own", () => {
  expect(read("dt = x1*y0", "dt")).toEqual(["y0 1 x1"]);
  expect(() => read("dt = x1*y0", "dw")).toThrow('unknown variable "dt" at character 1');
});

const variables = `Variables are ${Object.keys(ruleVariables).join(", ")}.`;
test.each([
  ["2*x1*z0", 'unknown variable "z0" at character 6', `Did you mean "x0"? ${variables}`],
  ["x1 * y0 +", "the rule ends at character 10", "Wanted is a number, a variable or a bracket."],
  ["y0*-w", 'unexpected "-" at character 4', "Wanted is a number, a variable or a bracket."],
  ["", "the rule ends at character 1", "Wanted is a number, a variable or a bracket."],
  ["x1*y0/2", 'unexpected "/" at character 6', "There is no division: write 2^-3 or 0.125."],
  ["x0*(y1 + 1", "the rule ends at character 11", 'Wanted is ")".'],
  ["x0 y1", 'unexpected "y" at character 4', "Known are + - * ^ and brackets."],
  ["x1*y1", "a product without an event at character 1", "Each product needs one of x0 (a spike arrives)"],
  ["x0 + 2", "a product without an event at character 6", "Each product needs one of x0"],
  ["w*x0*y0", "a product of two events, x0 and y0, at character 1", "take a trace in place of one, x1*y0."],
  ["r0*r0*t", "a product of r0 and r0 at character 1", "A reward counts once."],
  ["w^-1*x0", "the power -1 at character 1", "only a number has others, as in 2^-4."],
  ["w^9*x0", "the power 9 at character 1", "A variable's power is 1 to 8"],
  ["w^8*w*x0", "a power above 8 at character 1", "Lower it."],
  ["w^1.5*x0", 'unexpected "*" at character 6', "Wanted is a whole number."],
  ["0^-1*x0", "0 to a power that is too high at character 1", "Lower it."],
  ["1e999*x0", "a number beyond all bounds at character 1", "Use smaller numbers."],
  ["constructor*x0", 'unknown variable "constructor" at character 1', variables],
  ["x0; process.exit()", 'unexpected ";" at character 3', "Known are"],
  [`${"(".repeat(17)}x0`, "brackets more than 16 deep at character 17", "Multiply them out."],
  ["x0*(w+t+x1+x2+y1+y2+y3)^8", "more than 64 products", "Use fewer brackets."],
  ["x0+".repeat(400), "more than 1000 characters at character 1000", "Shorten it."],
])("%s: %s", (text, what, remedy) => {
  let error: unknown;
  try {
    read(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(RuleError);
  expect((error as RuleError).message).toContain(what);
  expect((error as RuleError).remedy).toContain(remedy);
});

test("any text is read or refused by a RuleError, and what is read equals the arithmetic", () => {
  const words = fc.constantFrom(
    "x0",
    "y0",
    "w",
    "x1",
    "(",
    ")",
    "+",
    "-",
    "*",
    "^",
    "2",
    "0.5",
    " ",
    "3",
    "=",
    "!",
  );
  let kept = 0;
  fc.assert(
    fc.property(fc.array(words, { maxLength: 14 }), (parts) => {
      const text = parts.join("");
      let products: ReturnType<typeof parseRule>;
      try {
        products = parseRule(text, "dw");
      } catch (error) {
        expect(error).toBeInstanceOf(RuleError);
        return;
      }
      kept += 1;
      const values: Record<string, number> = { w: 0.7, x1: 1.3 };
      for (const event of ["x0", "y0"] as const) {
        const found = products
          .filter((product) => product.event === event)
          .reduce(
            (sum, { coefficient, factors }) => sum + factors.reduce((p, f) => p * values[f]!, coefficient),
            0,
          );
        // The test's own arithmetic is JavaScript's: the text holds nothing but what the list above gives.
        const script = text
          .replaceAll("^", "**")
          .replace(/(?<!\*\*)-?\bw\b/g, (w) => w.replace("w", "(0.7)"))
          .replaceAll("x1", "(1.3)")
          .replaceAll("x0", event === "x0" ? "(1)" : "(0)")
          .replaceAll("y0", event === "y0" ? "(1)" : "(0)");
        let expected: number;
        try {
          expected = Number(new Function(`return ${script}`)());
        } catch {
          // "-2**2" is no JavaScript.
          return;
        }
        expect(found).toBeCloseTo(expected, 6);
      }
    }),
    { numRuns: 5000, seed: 4 },
  );
  expect(kept).toBeGreaterThan(50);
});
