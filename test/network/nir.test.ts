/** NIR and NetX: every node type, nesting, gzip, loops, what may be missing; what is wrong is named; and the way back. */

import { describe, expect, test } from "vitest";
import { readHdf5, writeHdf5 } from "../../drivers/hdf5.ts";
import { createStepped } from "../../src/core/index.ts";
import {
  type DataArray,
  type DataTree,
  type Network,
  networkFromNetx,
  networkFromNir,
  nirFromNetwork,
} from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

const text = (value: string): DataArray => ({ shape: [], values: [value] });
const array = (shape: readonly number[], values?: readonly number[]): DataArray => {
  const count = shape.reduce((product, size) => product * size, 1);
  const random = seededRandom(count);
  return { shape, values: Float64Array.from(values ?? Array.from({ length: count }, () => random() - 0.4)) };
};
const ones = (...shape: number[]) => array(shape, Array(shape.reduce((a, b) => a * b, 1)).fill(1));
type Fields = Record<string, DataTree | DataArray>;
const node = (type: string, fields: Fields = {}): DataTree =>
  new Map(Object.entries({ type: text(type), ...fields }));
const input = (...shape: number[]) => node("Input", { shape: array([shape.length], shape) });
const output = (...shape: number[]) => node("Output", { shape: array([shape.length], shape) });
const graph = (nodes: Record<string, DataTree>, ...edges: string[]): DataTree =>
  node("NIRGraph", {
    nodes: new Map(Object.entries(nodes)),
    edges: { shape: [edges.length, 2], values: edges.flatMap((edge) => edge.split(" > ")) },
  });
const file = (top: DataTree): DataTree =>
  new Map<string, DataTree | DataArray>([
    ["version", text("1.0")],
    ["node", top],
  ]);
const open = (nodes: Record<string, DataTree>, ...edges: string[]) =>
  networkFromNir(file(graph(nodes, ...edges)), "net.nir");

const ifNode = (...shape: number[]) => node("IF", { r: ones(...shape), v_threshold: ones(...shape) });
const lif = (size: number) => ({
  ...{ tau: array([size], Array(size).fill(0.01)), r: ones(size) },
  ...{ v_leak: array([size], Array(size).fill(0)), v_threshold: ones(size) },
});

/** Output of each step, for a seeded input. */
function run(network: Network, steps = 12): number[][] {
  const engine = createStepped(network, { dtUs: 1000 });
  const random = seededRandom(3);
  const { size } = network.populations[network.input]!;
  return Array.from({ length: steps }, () => {
    engine.step(Float64Array.from({ length: size }, () => (random() < 0.4 ? 1 + random() : 0)));
    const { ids, values, count, charge } = engine.cells[network.output]!;
    const row: number[] = Array.from(charge, () => 0);
    for (let k = 0; k < count; k++) row[ids[k]!] = values[k]!;
    return row;
  });
}

/** A network with a node of each type. */
const everything = () =>
  open(
    {
      in: input(2, 8, 8),
      conv: node("Conv2d", {
        ...{ weight: array([4, 1, 3, 3]), bias: array([4]), groups: array([], [2]) },
        ...{ stride: array([2], [1, 2]), padding: array([], [1]), dilation: array([2], [2, 1]) },
      }),
      "a.if": ifNode(4, 6, 4),
      sum: node("SumPool2d", {
        kernel_size: array([2], [2, 2]),
        stride: array([2], [2, 2]),
        padding: array([2], [0, 0]),
      }),
      mean: node("AvgPool2d", {
        kernel_size: array([2], [3, 3]),
        stride: array([2], [1, 1]),
        padding: array([2], [1, 1]),
      }),
      flat: node("Flatten", {
        start_dim: array([], [0]),
        end_dim: array([], [-1]),
        input_type: array([3], [4, 3, 2]),
      }),
      scale: node("Scale", { scale: array([24]) }),
      wait: node("Delay", { delay: array([24], Array(24).fill(0.002)) }),
      affine: node("Affine", { weight: array([6, 24]), bias: array([6]) }),
      cuba: node("CubaLIF", { ...lif(6), tau_mem: array([], [0.01]), tau_syn: array([], [0.005]) }),
      back: node("Linear", { weight: array([6, 6]) }),
      li: node("LI", { ...lif(6) }),
      "0": node("Conv1d", {
        weight: array([2, 1, 3]),
        bias: array([2]),
        padding: text("same"),
        input_shape: array([], [6]),
      }),
      i: node("I", { r: ones(12) }),
      out: output(1, 1, 1),
    },
    ...[
      "li > 0",
      "in > conv",
      "conv > a.if",
      "a.if > sum",
      "sum > mean",
      "mean > flat",
      "flat > scale",
      "scale > wait",
    ],
    ...[
      "wait > affine",
      "affine > cuba",
      "cuba > back",
      "back > cuba",
      "back > cuba",
      "cuba > li",
      "0 > i",
      "i > out",
    ],
  );

describe("a NIR graph", () => {
  test("with a node of each type runs, and is the same after it was written and read", async () => {
    const network = everything();
    const rows = run(network);
    expect(rows.flat().filter((value) => value !== 0).length).toBeGreaterThan(30);
    const bytes = await writeHdf5(nirFromNetwork(network, "net.nir"));
    const again = networkFromNir(await readHdf5(bytes, "again.nir"), "again.nir");
    for (const [step, row] of run(again).entries())
      for (const [id, value] of row.entries()) expect(value).toBeCloseTo(rows[step]![id]!, 4);
  });

  test("is the same in whatever order its edges stand", () => {
    const nodes = {
      in: input(3),
      w: node("Linear", { weight: array([2, 3]) }),
      lif: node("LIF", lif(2)),
      out: output(2),
    };
    const back = node("Affine", { weight: array([2, 2]), bias: array([2]) });
    const edges = ["in > w", "w > lif", "lif > back", "back > lif", "lif > out"];
    const first = run(open({ ...nodes, back }, ...edges));
    expect(run(open({ ...nodes, back }, ...edges.toReversed()))).toEqual(first);
    expect(run(open({ ...nodes, back }, ...edges, ...edges))).toEqual(first);
  });

  test("within a graph is joined through its input and output", () => {
    const inner = graph(
      { input: input(3), w: node("Linear", { weight: array([2, 3]) }), "n.if": ifNode(2), output: output(2) },
      ...["input > w", "w > n.if", "n.if > output"],
    );
    const flat = open(
      { in: input(3), w: node("Linear", { weight: array([2, 3]) }), "n.if": ifNode(2), out: output(2) },
      ...["in > w", "w > n.if", "n.if > out"],
    );
    const nested = open({ in: input(3), block: inner, out: output(2) }, "in > block", "block > out");
    expect(nested.populations.map(({ name }) => name)).toEqual(["in", "block.n.if"]);
    expect(run(nested)).toEqual(run(flat));
  });

  test("a convolution with stride, dilation, groups and padding gives what its definition says", () => {
    const network = everything();
    const projection = network.projections.find(({ pattern }) => pattern === "convolution")!;
    if (projection.pattern !== "convolution") throw new Error("no convolution");
    const [from, to] = [network.populations[0]!.geometry, network.populations[projection.to]!.geometry];
    const weights = projection.weights.values;
    const picture = Float64Array.from({ length: 128 }, (_, id) => (id * 37) % 11);
    const engine = createStepped({
      ...network,
      populations: network.populations.map((one, p) =>
        p === projection.to ? { ...one, neuron: { model: "relay", parameters: {} } } : one,
      ),
    });
    engine.step(picture);
    const { ids, values, count, charge } = engine.cells[projection.to]!;
    const own = new Float64Array(charge.length);
    for (let k = 0; k < count; k++) own[ids[k]!] = values[k]!;
    for (let o = 0; o < to.channels; o++)
      for (let y = 0; y < to.height; y++)
        for (let x = 0; x < to.width; x++) {
          let sum = projection.bias![o]!;
          for (let ky = 0; ky < 3; ky++)
            for (let kx = 0; kx < 3; kx++) {
              const [sy, sx] = [y + 2 * ky - 1, 2 * x + kx - 1];
              if (sy < 0 || sy >= from.height || sx < 0 || sx >= from.width) continue;
              sum += weights[(o * 3 + ky) * 3 + kx]! * picture[(Math.floor(o / 2) * 8 + sy) * 8 + sx]!;
            }
          expect(own[(o * to.height + y) * to.width + x]).toBeCloseTo(sum, 9);
        }
  });

  const wrong = (expected: string | RegExp, nodes: Record<string, DataTree>, ...edges: string[]) =>
    expect(() => open(nodes, ...edges)).toThrow(expected);
  const ends = { in: input(2), out: output(2) };

  test("that can't be used says which node or edge, and why", () => {
    wrong('the edge "in" -> "lif" names "lif", which is not there', ends, "in > lif");
    wrong(
      'node "x" is a Spline, which can\'t be represented',
      { ...ends, x: node("Spline") },
      "in > x",
      "x > out",
    );
    wrong(
      'number 1 of "weight" is NaN',
      {
        ...ends,
        w: node("Linear", { weight: array([2, 2], [1, Number.NaN, 0, 0]) }),
      },
      "in > w",
      "w > out",
    );
    wrong(
      'the edge "in" -> "w" joins 2 neurons to 3',
      { ...ends, w: node("Linear", { weight: array([2, 3]) }) },
      "in > w",
      "w > out",
    );
    wrong(
      '"tau" is missing',
      { ...ends, l: node("LIF", { r: ones(2), v_leak: ones(2), v_threshold: ones(2) }) },
      "in > l",
      "l > out",
    );
    wrong(
      '"tau" of node "l" is 0',
      { ...ends, l: node("LIF", { ...lif(2), tau: array([2], [0, 0]) }) },
      "in > l",
      "l > out",
    );
    wrong("the graph has 0 nodes of type Output", { in: input(2), n: ifNode(2) }, "in > n");
    wrong(
      /the size of node "a" can't be told/,
      { ...ends, a: node("Flatten"), b: node("Flatten") },
      "a > b",
      "b > a",
      "in > out",
    );
    wrong(
      'nothing is left of the picture after node "c"',
      {
        in: input(1, 2, 2),
        c: node("Conv2d", { weight: array([1, 1, 5, 5]), bias: array([1]) }),
        out: output(2),
      },
      "in > c",
      "c > out",
    );
  });
});

describe("HDF5", () => {
  test("chunks packed with gzip are read as others", async () => {
    const { default: _, ...library } = await import("h5wasm");
    const { FS: files } = await library.ready;
    const made = new library.File("/packed.h5", "w");
    const data = Float32Array.from({ length: 1000 }, (_, k) => k / 8);
    made.create_dataset({ name: "weight", data, shape: [10, 100], chunks: [5, 20], compression: "gzip" });
    made.close();
    const tree = await readHdf5(files.readFile("/packed.h5") as Uint8Array, "packed.h5");
    expect(tree.get("weight")).toEqual({
      shape: [10, 100],
      type: "float32",
      values: Float64Array.from(data),
    });
  });

  test("garbage, a cut file and a declared size beyond all bounds are refused", async () => {
    const bytes = await writeHdf5(nirFromNetwork(everything(), "net.nir"));
    await expect(readHdf5(new Uint8Array(3000).fill(7), "x.nir")).rejects.toThrow(
      "[hdf5] this is not an HDF5 file",
    );
    await expect(readHdf5(bytes.subarray(0, bytes.length / 2), "x.nir")).rejects.toThrow("[hdf5]");
    const { default: _, ...library } = await import("h5wasm");
    const { FS: files } = await library.ready;
    const bomb = new library.File("/bomb.h5", "w");
    const data = new Float32Array(16);
    bomb
      .create_dataset({ name: "w", data, shape: [16], maxshape: [null], chunks: [16], compression: "gzip" })
      .resize([1e12]);
    bomb.close();
    const packed = files.readFile("/bomb.h5") as Uint8Array;
    await expect(readHdf5(packed, "bomb.nir")).rejects.toThrow(
      '"w" brings the file to 1000000000000 numbers',
    );
  });
});

test("a NetX file of each layer type becomes a network of integers", () => {
  const neuron = node("x", {
    ...{ type: text("LOIHI"), iDecay: array([], [1024]), vDecay: array([], [128]), vThMant: array([], [80]) },
  });
  const layer = (type: string, fields: Fields): DataTree =>
    node(type, { ...fields, ...(type !== "flatten" && { neuron }) });
  const tree: DataTree = new Map([
    [
      "layer",
      new Map([
        ["0", node("input", { shape: array([3], [2, 6, 6]) })],
        [
          "1",
          layer("conv", {
            weight: array([3, 2, 3, 3, 1], Array(54).fill(8)),
            kernelSize: array([2], [3, 3]),
          }),
        ],
        [
          "2",
          layer("pool", {
            kernelSize: array([2], [2, 2]),
            stride: array([2], [2, 2]),
            weight: array([], [40]),
          }),
        ],
        ["3", node("flatten")],
        [
          "4",
          layer("dense", {
            weight: array([5, 12], Array(60).fill(9.5)),
            bias: array([5], [1, 2, 3, 4, 5]),
            delay: array([1], [3]),
          }),
        ],
      ]),
    ],
  ]);
  const network = networkFromNetx(tree, "x.net");
  expect(network.populations.map(({ name, size }) => [name, size])).toEqual([
    ["input", 72],
    ["1", 48],
    ["2", 12],
    ["4", 5],
  ]);
  const last = network.projections.at(-1)!;
  expect([...new Set(last.weights.values)]).toEqual([9]);
  expect(last.pattern === "dense" && last.delayUs).toBe(3000);
  expect(network.populations[3]!.neuron).toMatchObject({
    parameters: { bias: Float64Array.of(64, 128, 192, 256, 320) },
  });
  expect(
    run(network)
      .flat()
      .some((value) => value !== 0),
  ).toBe(true);
  const strange: DataTree = new Map([
    [
      "layer",
      new Map([
        ["0", node("input", { shape: array([1], [2]) })],
        ["1", node("hexagon")],
      ]),
    ],
  ]);
  expect(() => networkFromNetx(strange, "x.net")).toThrow("layer 1 is of type hexagon");
});
