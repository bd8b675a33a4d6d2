/** `datasets` against a server on this machine: broken off and taken up, damaged, missing; and from a folder. */

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type Dataset, datasets, fetchDataset } from "../../src/cli/datasets.ts";
import { cli } from "../support/cli.ts";

const content = Buffer.from(Array.from({ length: 100_000 }, (_, k) => (k * 7919) % 251));
const md5 = createHash("md5").update(content).digest("hex");
const sha256 = createHash("sha256").update(content).digest("hex");

/** What each request asked for, and what the server does with it. */
let ranges: (string | undefined)[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {};
const server = createServer((request, response) => {
  ranges.push(request.headers.range);
  answer(request, response);
});
await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`;

const folder = mkdtempSync(join(tmpdir(), "reflexarc-datasets-"));
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
let out = "";
beforeEach(() => {
  out = mkdtempSync(join(folder, "out-"));
  ranges = [];
});

const datasetOf = (file: Dataset["files"][number]): Dataset => ({
  ...{ name: "some", about: "Something.", licence: "CC0", source: "nobody" },
  files: [file],
});
const checked = datasetOf({ name: "some.bin", bytes: content.length, digest: { kind: "md5", hex: md5 } });
const told: string[] = [];
const bring = (dataset: Dataset, ...from: string[]) =>
  fetchDataset(dataset, { from, out }, (text) => told.push(text));

/** Sends what is asked for, but at most so many bytes before the connection breaks. */
function sendAtMost(most: number) {
  answer = ({ headers }, response) => {
    const start = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    const rest = content.subarray(start);
    response.writeHead(headers.range ? 206 : 200, { "content-length": rest.length });
    if (rest.length <= most) response.end(rest);
    else {
      response.write(rest.subarray(0, most));
      // It breaks once some of it has arrived.
      const part = join(out, "some.bin.part");
      const timer = setInterval(() => {
        if (!existsSync(part) || statSync(part).size <= start) return;
        clearInterval(timer);
        response.destroy();
      }, 5);
    }
  };
}

test("what breaks off is taken up where it broke, until it is whole", async () => {
  sendAtMost(60_000);
  const [file] = await bring(checked, address);
  expect(file).toMatchObject({ bytes: content.length, wasThere: false, checkedBy: "md5", sha256 });
  expect(readFileSync(join(out, "some.bin")).equals(content)).toBe(true);
  expect(ranges[0]).toBeUndefined();
  expect(ranges.length).toBeGreaterThan(1);
  expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range!))).toBe(true);
  // A second time nothing is fetched.
  const asked = ranges.length;
  expect((await bring(checked, address))[0]).toMatchObject({ wasThere: true, checkedBy: "md5" });
  expect(ranges).toHaveLength(asked);
});

test("what an earlier run left is gone on with; a server that can't begins anew", async () => {
  sendAtMost(Number.POSITIVE_INFINITY);
  writeFileSync(join(out, "some.bin.part"), content.subarray(0, 12_345));
  await bring(checked, `some.bin=${address}/renamed`);
  expect(ranges).toEqual(["bytes=12345-"]);
  rmSync(join(out, "some.bin"));
  writeFileSync(join(out, "some.bin.part"), "not the beginning of it");
  answer = (_, response) => response.end(content);
  await bring(checked, address);
  expect(readFileSync(join(out, "some.bin")).equals(content)).toBe(true);
});

test("what was whole already is only checked", async () => {
  writeFileSync(join(out, "some.bin.part"), content);
  answer = (_, response) => response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
  await bring(checked, address);
  expect(readFileSync(join(out, "some.bin")).equals(content)).toBe(true);
});

test("a wrong digest, a wrong size, a file that isn't there: refused, and nothing is left", async () => {
  const other = Buffer.from(content);
  other[5] = 0xff;
  answer = (_, response) => response.end(other);
  await expect(bring(checked, address)).rejects.toThrow(/md5 .*, not /);
  answer = (_, response) => response.end(Buffer.concat([content, content]));
  await expect(bring(checked, address)).rejects.toThrow("more than its 100000 bytes");
  rmSync(join(out, "some.bin.part"), { force: true });
  answer = (_, response) => response.writeHead(404).end();
  await expect(bring(checked, address)).rejects.toThrow("the server says 404");
  await expect(bring(checked)).rejects.toThrow("nothing says where some.bin lies");
  expect(existsSync(join(out, "some.bin"))).toBe(false);
});

test("from a folder, without a network; what nobody publishes a digest of is told as unchecked", async () => {
  const source = mkdtempSync(join(folder, "source-"));
  writeFileSync(join(source, "some.bin"), content);
  const bare = datasetOf({ name: "some.bin" });
  expect((await bring(bare, source))[0]).toMatchObject({ checkedBy: "nothing", sha256 });
  await expect(bring(datasetOf({ name: "none.bin" }), source)).rejects.toThrow("ENOENT");
  expect(ranges).toEqual([]);
});

test("the verb lists them, and refuses another name", async () => {
  const list = await cli(["datasets"]);
  expect([list.code, list.stderr]).toEqual([0, ""]);
  for (const { name } of datasets) expect(list.stdout).toContain(`${name}: `);
  expect(list.stdout).toContain("no published digest");
  const other = await cli(["datasets", "mnist"]);
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('no data set "mnist"')]);
});
