/** README.md is true: its commands run, its table is the catalog's, its document is the bundled one. */

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { markdownTable } from "../src/cli/list.ts";
import { cli } from "./support/cli.ts";
import { catalog, root } from "./support/world.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))].map(([, text]) => text!);

const commands = blocks("sh")
  .flatMap((block) => block.split("\n"))
  .filter((line) => line.startsWith("npx reflexarc "));
afterAll(() => {
  for (const made of ["follow.jsonl", "follow-dot.raw", "follow-dot.png"])
    rmSync(join(root, made), { force: true });
});

test("it shows commands", () => {
  expect(commands.length).toBeGreaterThan(5);
});

test("every command of it runs, in its order", { timeout: 240_000 }, async () => {
  for (const command of commands) {
    const { code, stdout, stderr } = await cli(
      command
        .replace(/\s+#.*$/, "")
        .split(/\s+/)
        .slice(2),
    );
    expect([command, code, stderr]).toEqual([command, 0, ""]);
    expect(stdout.length).toBeGreaterThan(20);
  }
});

test("its table of stages and drivers is the catalog's (`npm run refresh` writes it)", () => {
  expect(readme).toContain(`<!-- list -->\n${markdownTable([...catalog.values()])}<!-- end of list -->`);
});

test("its document is the one that `npm start` plays", () => {
  const [document] = blocks("yaml");
  const uncommented = (text: string) =>
    text
      .split("\n")
      .filter((line) => line.trim() && !/^\s*#/.test(line))
      .join("\n");
  expect(uncommented(document!)).toBe(uncommented(readFileSync(join(root, "pipelines/follow.yaml"), "utf8")));
});

test("its driver fits into the house as it stands", () => {
  const driver = blocks("ts").find((code) => code.includes("defineActuator"))!;
  const file = join(root, "drivers", "readme-example.ts");
  writeFileSync(file, driver);
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--noEmit"], {
      cwd: root,
      stdio: "pipe",
    });
  } finally {
    rmSync(file);
  }
});

test("its summary has the numbers that `npm start` prints", async () => {
  const { stdout } = await cli(["demo", "follow"]);
  const steady = (text: string) =>
    text
      .replace(/in \d+\.\d+ s \([\d.]+ times real time\)|peak memory \d+ MB|\d+ \/ \d+ \/ \d+/g, "~")
      .replace(/ +/g, " ");
  for (const line of steady(stdout).trim().split("\n")) expect(steady(readme)).toContain(line);
});
