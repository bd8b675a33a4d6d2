/** `net info`, `net convert` and `net run` from outside: what they print, write, and refuse. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { readNpy, writeNpy } from "../../src/network/index.ts";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-net-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const document = `
input: in
output: out
populations:
  in: { shape: [1, 1, 2] }
  out: { shape: [1, 1, 2], neuron: { threshold: 1 } }
projections:
  - { from: in, to: out, pattern: dense, weights: { kind: rows, rows: [[0.5, 0], [0.25, 1]] } }
`;
writeFileSync(at("net.yaml"), document);
writeFileSync(at("in.npy"), writeNpy({ shape: [4, 2], values: Float64Array.of(1, 0, 1, 0, 1, 1, 1, 0) }));
writeFileSync(at("in.csv"), "left,right\n1,0\n1,0\n1,1\n1,0\n");

/** The arrays of an .npz file whose members are stored. */
function npz(path: string): Record<string, { shape: readonly number[]; values: Float64Array }> {
  const bytes = readFileSync(path);
  const found: Record<string, { shape: readonly number[]; values: Float64Array }> = {};
  for (let offset = 0; bytes.readUInt32LE(offset) === 0x04034b50; ) {
    const packed = bytes.readUInt16LE(offset + 8) === 8;
    const size = bytes.readUInt32LE(offset + 18);
    const start = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28);
    const name = bytes.toString("utf8", offset + 30, offset + 30 + bytes.readUInt16LE(offset + 26));
    const content = bytes.subarray(start, start + size);
    found[name.replace(/\.npy$/, "")] = readNpy(packed ? inflateRawSync(content) : content, name);
    offset = start + size;
  }
  return found;
}

test("run writes an array of steps x neurons for each population and variable", async () => {
  const args = ["net", "run", at("net.yaml"), "--record", "spikes,v", "--out", at("out.npz")];
  const { code, stdout, stderr } = await cli([...args, "--input", at("in.npy")]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("4 steps of 1000 us");
  const first = npz(at("out.npz"));
  expect(Object.keys(first)).toEqual(["in.spikes", "out.spikes", "out.v"]);
  expect(first["out.spikes"]).toEqual({ shape: [4, 2], values: Float64Array.of(0, 0, 1, 0, 0, 1, 1, 0) });
  expect([...first["out.v"]!.values]).toEqual([0.5, 0.25, 0, 0.5, 0.5, 0, 0, 0.25]);
  await cli([...args, "--input", at("in.csv")]);
  expect(npz(at("out.npz"))).toEqual(first);
});

test("several samples are run one by one, each from the start", async () => {
  const row = [1, 0, 1, 0, 1, 1, 1, 0];
  writeFileSync(at("two.npy"), writeNpy({ shape: [2, 4, 2], values: Float64Array.from([...row, ...row]) }));
  const told = await cli([
    "net",
    "run",
    at("net.yaml"),
    "--input",
    at("two.npy"),
    "--out",
    at("two.npz"),
    "--json",
  ]);
  expect(JSON.parse(told.stdout)).toMatchObject({
    samples: 2,
    steps: 4,
    output: [
      [2, 1],
      [2, 1],
    ],
  });
  expect(npz(at("two.npz"))["out.spikes"]!.shape).toEqual([2, 4, 2]);
});

test("several seeds are several runs, each the same as by itself, and their own axis", async () => {
  const run = async (...args: string[]) => {
    const out = at(`seeds-${args.join("")}.npz`);
    const input = ["--input", at("two.npy"), "--noise", "0.5", "--record", "spikes,v"];
    const told = await cli(["net", "run", at("net.yaml"), ...input, ...args, "--out", out, "--json"]);
    expect(told.stderr).toBe("");
    return { told: JSON.parse(told.stdout), arrays: npz(out) };
  };
  const three = await run("--seeds", "3");
  expect(three.told).toMatchObject({ seeds: [1, 2, 3], samples: 2, steps: 4 });
  expect(three.told.output).toHaveLength(6);
  const { shape, values } = three.arrays["out.v"]!;
  expect(shape).toEqual([3, 2, 4, 2]);
  const alone = await run("--seeds", "2,3");
  expect(alone.arrays["out.v"]!.shape).toEqual([2, 2, 4, 2]);
  expect([...alone.arrays["out.v"]!.values]).toEqual([...values].slice(16));
  // Seeds differ, and so do the samples of one seed, though their input is the same.
  const parts = [0, 8, 16, 24].map((from) => [...values].slice(from, from + 8).join(" "));
  expect(new Set(parts).size).toBe(4);
  const wrong = await cli([
    "net",
    "run",
    at("net.yaml"),
    "--steps",
    "1",
    "--noise",
    "1",
    "--engine",
    "async",
  ]);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("it needs steps") });
});

test("convert writes NIR, which runs as the document does in both engines", async () => {
  expect((await cli(["net", "convert", at("net.yaml"), at("net.nir")])).code).toBe(0);
  const info = await cli(["net", "info", at("net.nir"), "--json"]);
  expect(JSON.parse(info.stdout)).toMatchObject({
    format: "nir",
    populations: [
      { model: "input", size: 2 },
      { model: "if", parameters: { v_threshold: "1" } },
    ],
    projections: [{ pattern: "dense", weights: 4 }],
  });
  for (const engine of ["stepped", "async"]) {
    const args = ["net", "run", at("net.nir"), "--threshold", "reached", "--engine", engine];
    const { stdout } = await cli([...args, "--input", at("in.npy"), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ output: [[2, 1]] });
  }
});

test("TENNLab's script becomes its JSON, and runs the same", async () => {
  writeFileSync(at("net.txt"), "AN 0 1 2\nAI 0 1\nAO 2\nAE 0 2 1 2\nSEP 1 2 Weight -1\nSEP 0 2 Delay 2\n");
  expect((await cli(["net", "convert", at("net.txt"), at("net.json")])).code).toBe(0);
  for (const file of ["net.txt", "net.json"]) {
    const { stdout } = await cli(["net", "run", at(file), "--input", at("in.npy"), "--steps", "6", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ steps: 6, dtUs: 1000, output: [[3]] });
  }
});

test("what can't be done says why, and how it can", async () => {
  const fails = async (code: number, expected: string, ...args: string[]) => {
    const told = await cli(["net", ...args]);
    expect(told.stderr).toContain(expected);
    expect(told.stderr).not.toMatch(/^\s+at /m);
    expect(told.code).toBe(code);
  };
  writeFileSync(at("garbage.nir"), new Uint8Array(2000).fill(9));
  writeFileSync(at("three.csv"), "1,2,3\n");
  writeFileSync(at("nan.csv"), "1,nan\n");
  await fails(3, "[hdf5] this is not an HDF5 file, or a damaged one", "info", at("garbage.nir"));
  await fails(
    3,
    "[net] the shape is 1 x 3, but the network has 2 inputs",
    "run",
    at("net.yaml"),
    "--input",
    at("three.csv"),
  );
  await fails(3, "[net] row 1 is not 2 numbers", "run", at("net.yaml"), "--input", at("nan.csv"));
  await fails(2, "[net] there is nothing to run", "run", at("net.yaml"));
  await fails(3, "[net] the file can't be read: ENOENT", "info", at("nothing.nir"));
  await fails(2, '[net] no format is known for "x.bin"', "convert", at("net.yaml"), "x.bin");
  await fails(2, '[net] "w" can\'t be recorded', "run", at("net.yaml"), "--steps", "1", "--record", "w");
});

test("what learns is told, and not run by an engine that doesn't learn", async () => {
  const file = "pipelines/unlabelled/digits.network.yaml";
  const { populations, projections } = JSON.parse((await cli(["net", "info", file, "--json"])).stdout);
  expect(populations[1].parameters).toMatchObject({ adaptStep: "0.5", adaptTauUs: "100000000" });
  expect(projections.map(({ learns }: { learns: boolean }) => learns)).toEqual([true, false]);
  const { code, stderr } = await cli(["net", "run", file, "--dt", "1e-3", "--steps", "3"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('from "grid" to "cells" learns')]);
});
