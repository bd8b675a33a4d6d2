/** `reflexarc datasets`: data that networks are trained on, fetched or copied, taken up where it broke off, and checked. */

import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";

export interface Dataset {
  readonly name: string;
  readonly about: string;
  readonly licence: string;
  /** Who holds it, in words: where it lies may change, what it is does not. */
  readonly source: string;
  readonly files: readonly DatasetFile[];
}

export interface DatasetFile {
  readonly name: string;
  readonly bytes?: number;
  /** As its host or those who hand it on publish it; left out where nobody does. */
  readonly digest?: { readonly kind: "sha256" | "md5"; readonly hex: string };
}

export const datasets: readonly Dataset[] = [
  {
    name: "n-mnist",
    about:
      "Handwritten digits before an event camera that moves: 60,000 recordings to train on, 10,000 to judge by.",
    licence: "CC BY-SA 4.0",
    source: "Orchard et al. 2015; Mendeley Data 468j46mzdv",
    files: [
      { name: "Train.zip", digest: { kind: "md5", hex: "20959b8e626244a1b502305a9e6e2031" } },
      { name: "Test.zip", digest: { kind: "md5", hex: "69ca8762b2fe404d9b9bad1103e97832" } },
    ],
  },
  {
    name: "speech-commands",
    about: "Speech Commands v0.02: 105,829 clips of 35 words by 2,618 speakers.",
    licence: "CC BY 4.0",
    source: "Warden 2018; TensorFlow's storage of data sets",
    files: [
      {
        name: "speech_commands_v0.02.tar.gz",
        bytes: 2_428_923_189,
        digest: {
          kind: "sha256",
          hex: "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        },
      },
    ],
  },
  {
    name: "spoken-digits",
    about: "Free Spoken Digit Dataset: 3,000 clips of the ten digits by 6 speakers.",
    licence: "CC BY-SA 4.0",
    source: "Jakobovski/free-spoken-digit-dataset, an archive of its repository",
    files: [{ name: "free-spoken-digit-dataset.tar.gz" }],
  },
];

export interface DatasetsOptions {
  readonly from: readonly string[];
  readonly out: string;
  readonly json?: boolean;
}

/** Lists the data sets, or fetches one. */
export async function listOrFetch(name: string | undefined, options: DatasetsOptions): Promise<void> {
  if (name === undefined) {
    process.stdout.write(options.json ? `${JSON.stringify(datasets, null, 2)}\n` : listed());
    return;
  }
  const dataset = datasets.find((each) => each.name === name);
  if (!dataset)
    throw usage(`no data set "${name}"`, `There are ${datasets.map((each) => each.name).join(", ")}.`);
  const done = await fetchDataset(dataset, options, (text) => process.stderr.write(`${text}\n`));
  if (options.json) process.stdout.write(`${JSON.stringify({ dataset: name, files: done }, null, 2)}\n`);
  else process.stdout.write(done.map((file) => `${file.path}: ${wordsOf(file)}\n`).join(""));
}

export interface FetchedFile {
  readonly path: string;
  readonly bytes: number;
  /** Found there, with the right digest, and left as it was. */
  readonly wasThere: boolean;
  readonly sha256: string;
  /** By which published digest it was checked. */
  readonly checkedBy: "sha256" | "md5" | "nothing";
}

/** Brings every file of a data set into a folder. Throws a ReflexarcError. */
export async function fetchDataset(
  dataset: Dataset,
  { from, out }: Pick<DatasetsOptions, "from" | "out">,
  notice: (text: string) => void,
): Promise<FetchedFile[]> {
  mkdirSync(out, { recursive: true });
  const done: FetchedFile[] = [];
  for (const file of dataset.files) {
    const path = join(out, file.name);
    const there = existsSync(path);
    const part = `${path}.part`;
    if (!there) await bring(file, addressOf(file, from, dataset), part, notice);
    const digests = await check(file, there ? path : part);
    if (!there) renameSync(part, path);
    done.push({ ...{ path, bytes: statSync(path).size, wasThere: there }, ...digests });
  }
  return done;
}

/** `--from ADDRESS` is where all files lie, `--from NAME=ADDRESS` where one does; an address without a scheme is a folder's. */
function addressOf({ name }: DatasetFile, from: readonly string[], { source }: Dataset): string {
  const own = from.find((text) => text.startsWith(`${name}=`));
  if (own !== undefined) return own.slice(name.length + 1);
  const base = from.find((text) => !/^[\w.-]+=/.test(text));
  if (base !== undefined) return isAddress(base) ? `${base.replace(/\/$/, "")}/${name}` : join(base, name);
  throw usage(
    `nothing says where ${name} lies`,
    `Give --from FOLDER or --from ADDRESS. It is held by: ${source}.`,
  );
}

const isAddress = (text: string) => /^https?:\/\//i.test(text);
/** A broken connection is taken up so often again. */
const triesMax = 5;
const pauseUs = 500_000;

/** Copies or downloads into `part`; what is there already is not fetched again. */
async function bring(
  file: DatasetFile,
  address: string,
  part: string,
  notice: (text: string) => void,
): Promise<void> {
  if (!isAddress(address)) {
    try {
      await pipeline(createReadStream(address), createWriteStream(part));
    } catch (cause) {
      throw unreachable(file.name, `${(cause as NodeJS.ErrnoException).code}`, address, cause);
    }
    return;
  }
  const clock = wallClock();
  for (let attempt = 1; ; attempt++) {
    const before = existsSync(part) ? statSync(part).size : 0;
    try {
      if (await download(file, address, part, before)) return;
    } catch (cause) {
      if (cause instanceof ReflexarcError) throw cause;
      const after = existsSync(part) ? statSync(part).size : 0;
      // As long as it gets on, it may break off as often as it wants.
      if (after > before) attempt = 0;
      if (attempt >= triesMax) throw unreachable(file.name, (cause as Error).message, address, cause);
      notice(`${file.name}: broke off at ${after} bytes, goes on`);
      await clock.until(clock.nowUs() + pauseUs);
    }
  }
}

/** From byte `before` on, where the server can. Answers whether the file is whole. */
async function download(file: DatasetFile, address: string, part: string, before: number): Promise<boolean> {
  const response = await fetch(address, before > 0 ? { headers: { range: `bytes=${before}-` } } : {});
  const { status, body } = response;
  if (status === 416) {
    await body?.cancel();
    // Nothing is left to send: it was whole, or it is another file by now.
    const all = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
    if (all === before) return true;
    rmSync(part);
    return false;
  }
  if (!response.ok || !body) {
    await body?.cancel();
    if (status >= 500) throw new Error(`the server says ${status}`);
    throw unreachable(file.name, `the server says ${status}`, address);
  }
  const goesOn = status === 206;
  const start = goesOn ? before : 0;
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const whole = file.bytes ?? (Number.isNaN(length) ? undefined : start + length);
  let bytes = start;
  // Chunk after chunk, each on the disk before the next is asked for: what came before a break is kept.
  const handle = await open(part, goesOn ? "a" : "w");
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (whole !== undefined && bytes > whole)
        throw unreachable(file.name, `more than its ${whole} bytes come`, address);
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  if (whole !== undefined && bytes < whole)
    throw new Error(`the connection ended at ${bytes} of ${whole} bytes`);
  return true;
}

/** Compares size and digest; what is wrong is removed, if it was only on its way. */
async function check({ name, bytes, digest }: DatasetFile, path: string) {
  const hashes = { sha256: createHash("sha256"), md5: createHash("md5") };
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) for (const hash of Object.values(hashes)) hash.update(chunk);
  });
  const found = { sha256: hashes.sha256.digest("hex"), md5: hashes.md5.digest("hex") };
  const size = statSync(path).size;
  const wrong =
    bytes !== undefined && size !== bytes
      ? `has ${size} bytes, not ${bytes}`
      : digest && found[digest.kind] !== digest.hex
        ? `has the ${digest.kind} ${found[digest.kind]}, not ${digest.hex}`
        : undefined;
  if (wrong) {
    if (path.endsWith(".part")) rmSync(path);
    throw new ReflexarcError({
      kind: "input",
      room: "datasets",
      what: `${name} ${wrong}`,
      where: path,
      remedy: "It is damaged, or another file: remove it where it lies, and fetch it again from elsewhere.",
    });
  }
  return { sha256: found.sha256, checkedBy: digest?.kind ?? ("nothing" as const) };
}

function wordsOf({ bytes, wasThere, sha256, checkedBy }: FetchedFile): string {
  const checked =
    checkedBy === "nothing"
      ? `unchecked, since nobody publishes a digest; its SHA-256 is ${sha256}`
      : `its ${checkedBy} is the published one`;
  return `${bytes} bytes${wasThere ? ", there already" : ""}, ${checked}`;
}

function listed(): string {
  return datasets
    .map(({ name, about, licence, source, files }) => {
      const digests = files.map(
        (file) =>
          `  ${file.name}: ${file.digest ? `${file.digest.kind} ${file.digest.hex}` : "no published digest"}`,
      );
      return [`${name}: ${about}`, `  ${licence}; ${source}`, ...digests, ""].join("\n");
    })
    .join("\n");
}

function unreachable(name: string, why: string, where: string, cause?: unknown): ReflexarcError {
  const remedy = "Start it again in the same words: it goes on where it broke off. Or give another --from.";
  return new ReflexarcError(
    { kind: "device", room: "datasets", what: `${name}: ${why}`, where, remedy },
    { cause },
  );
}

function usage(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "datasets", what, remedy });
}
