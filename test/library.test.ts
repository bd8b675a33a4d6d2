/** The library's face: README's example compiles and runs as it stands, and every stage and driver has its operator. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, from, lastValueFrom, NEVER, of, toArray } from "rxjs";
import { afterAll, expect, test } from "vitest";
import * as driverModule from "../drivers/index.ts";
import serialLine, { openSerialLine } from "../drivers/serial-line.ts";
import { stages as allStages } from "../src/catalog.ts";
import { wallClock } from "../src/clock.ts";
import { drivers, ReflexarcError, stages } from "../src/index.ts";
import { facesOf } from "../src/library.ts";
import { fakePort } from "./support/fake-port.ts";
import { root } from "./support/world.ts";

/** A project that has installed reflexarc. */
const folder = mkdtempSync(join(root, "node_modules", ".readme-"));
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules", "reflexarc"), "junction");
writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
afterAll(() => rmSync(folder, { recursive: true }));

/** The TypeScript blocks of README.md that import from the package. */
function examples(): string[] {
  const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
    ([, code]) => code!,
  );
  return blocks.filter((code) => code.includes('from "reflexarc"'));
}

test("the examples of README.md compile, strictly, and run", () => {
  const blocks = examples();
  expect(blocks.length).toBeGreaterThan(0);
  for (const [i, code] of blocks.entries()) {
    const file = join(folder, `example-${i}.ts`);
    writeFileSync(file, code);
    const options = [
      "--strict",
      "--target",
      "ES2023",
      "--module",
      "NodeNext",
      "--types",
      "node",
      "--skipLibCheck",
      "--outDir",
      folder,
    ];
    execFileSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), file, "--ignoreConfig", ...options],
      { cwd: root, stdio: "pipe" },
    );
    const ran = spawnSync(process.execPath, [file.replace(/ts$/, "js")], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
    expect(ran.stdout).toMatch(/\d/);
  }
});

test("every stage and driver of the catalog has its operator or factory", () => {
  expect(Object.keys(stages).length).toBe(allStages.length);
  expect(Object.keys(drivers).length).toBe(driverModule.drivers.length);
});

const servo = { limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300 } };
const network = {
  input: "in",
  output: "map",
  populations: { in: {}, map: { shape: [1, 12, 16] as [number, number, number], neuron: { tauMs: 100 } } },
  projections: [{ from: "in", to: "map", pattern: "one-to-one" as const, weights: 0.4 }],
};

test("ten lines make a pipeline without a document, twice the same", async () => {
  const pipeline = drivers
    .recording({ file: join(root, "recordings/moving-dot.aedat4") })
    .pipe(
      stages.backgroundActivity({ windowUs: 5000 }),
      stages.polarityGrid({ columns: 16, rows: 12, polarity: "merge" }),
      stages.core({ network }),
      stages.populationVector({ axis: "x", firstDeg: 150, lastDeg: 30 }),
      drivers.dryRun(servo),
      toArray(),
    );
  const moves = (await lastValueFrom(pipeline)).flatMap(({ commands }) => commands);
  expect(moves.length).toBeGreaterThan(100);
  for (const move of moves)
    if (move.action === "move") expect(move.value >= 20 && move.value <= 160).toBe(true);
  const again = (await lastValueFrom(pipeline)).flatMap(({ commands }) => commands);
  expect(again).toEqual(moves);
});

test("a wrong option is refused by name", () => {
  expect(() => stages.refractory({ periodUs: -1 })).toThrow(ReflexarcError);
  expect(() => stages.refractory({ periodUs: -1 })).toThrow(
    /\[refractory\] the options are wrong at "periodUs"/,
  );
  // @ts-expect-error an actuator without limits doesn't compile either
  expect(() => drivers.dryRun({})).toThrow(/limits/);
});

test("a real motor is neither hurried nor left alone", async () => {
  const port = fakePort();
  const open = (options: never, context: never) => openSerialLine(options, context, port.open);
  const { servo: face } = facesOf(
    { servo: { ...serialLine, open } },
    { clock: wallClock(), readText: () => "", resolvePath: (path) => path },
  );
  const limits = { minDeg: 20, maxDeg: 160, slewDegPerS: 120 };
  const say = (atUs: number) => ({ fromUs: atUs - 20_000, toUs: atUs, commands: [command(atUs)] });
  const command = (atUs: number) => ({
    atUs,
    name: "pan",
    value: 90,
    unit: "deg" as const,
    ttlUs: 100_000,
    sequence: atUs,
  });
  const hurried = from(Array.from({ length: 100 }, (_, i) => say(20_000 * (i + 1)))).pipe(
    face({ port: "a", limits }, { arm: true }),
  );
  await expect(lastValueFrom(hurried)).rejects.toThrow(/faster than real time.*speed: 1/);
  const lonely = concat(of(say(20_000), say(40_000)), NEVER).pipe(face({ port: "b", limits }, { arm: true }));
  const subscription = lonely.subscribe();
  await expect.poll(() => port.lines.at(-1), { timeout: 3000 }).toBe("#0P0\r");
  subscription.unsubscribe();
});

test("a missing recording is an error of the Observable", async () => {
  await expect(lastValueFrom(drivers.recording({ file: join(folder, "none.aedat4") }))).rejects.toThrow(
    /none\.aedat4/,
  );
});
