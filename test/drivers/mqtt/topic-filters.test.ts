/** Filters as patterns: against the meaning of topics, for every filter over a small alphabet. */

import { expect, test } from "vitest";
import { covers, topicFilter } from "../../../drivers/mqtt/topic-filters.ts";

/** All topics or filters of at most three levels out of some words. */
function upTo3(words: readonly string[]): string[] {
  const one = words.map((word) => [word]);
  const longer = (all: string[][]) => all.flatMap((levels) => words.map((word) => [...levels, word]));
  return [...one, ...longer(one), ...longer(longer(one))].map((levels) => levels.join("/"));
}

const topics = upTo3(["a", "b", "", "$s"]);
// A filter that is longer than all topics would match none of them.
const filters = upTo3(["a", "+", "#", "$s"]).filter((filter) => topicFilter.test(filter));

/** MQTT 3.1.1, section 4.7, word by word: a regular expression for one filter. */
function meaning(filter: string): (topic: string) => boolean {
  const levels = filter
    .split("/")
    .map((level) => ({ "+": "[^/]*", "#": "[\\s\\S]*" })[level] ?? `\\${level}`);
  const source = levels
    .join("/")
    .replaceAll("\\a", "a")
    .replaceAll("\\$s", "\\$s")
    .replace(/\/\[\\s\\S\]\*$/, "(/[\\s\\S]*)?");
  const pattern = new RegExp(`^${source}$`);
  return (topic) => pattern.test(topic) && !(topic.startsWith("$") && /^[+#]/.test(filter));
}

test("a topic is covered by the filters that match it, and by no others", () => {
  expect(filters.length).toBeGreaterThan(40);
  for (const filter of filters) {
    const matches = meaning(filter);
    const wrong = topics.filter((topic) => covers(filter, topic) !== matches(topic));
    expect({ filter, wrong }).toEqual({ filter, wrong: [] });
  }
});

test("a filter is covered only where each topic that it matches is", () => {
  for (const pattern of filters)
    for (const asked of filters) {
      if (!covers(pattern, asked)) continue;
      const [allowed, wanted] = [meaning(pattern), meaning(asked)];
      const leaked = topics.filter((topic) => wanted(topic) && !allowed(topic));
      expect({ pattern, asked, leaked }).toEqual({ pattern, asked, leaked: [] });
    }
});

test.each([
  ["a/#", "a/+", true],
  ["a/#", "a", true],
  ["a/+", "a/#", false],
  ["+/b", "a/b", true],
  ["+/b", "+/+", false],
  ["#", "#", true],
  ["#", "$SYS/#", false],
  ["$SYS/#", "$SYS/x", true],
  ["a", "a/", false],
])("%s covers %s: %s", (pattern, asked, yes) => expect(covers(pattern, asked)).toBe(yes));

test.each(["a#", "a/#/b", "a+/b", "#/a"])("%s is no filter", (text) =>
  expect(topicFilter.test(text)).toBe(false),
);
