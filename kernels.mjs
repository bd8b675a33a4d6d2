// Compiles the AssemblyScript kernels of each room, `src/<room>/*.kernel.ts`, to one module of WebAssembly, and writes
// its bytes into `src/<room>/kernels.wasm.ts`: so the room stays pure, and tests, builds and bundles find it alike.
// Called by setup.mjs and by vitest (`globalSetup`); does nothing while the kernels are older than what it wrote.
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const flags = [
  ...["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd"],
  // Classes that kernels share among each other are no part of the module.
  ...["--disableWarning", "235"],
];

export default async function buildKernels() {
  for (const room of readdirSync(join(root, "src"))) {
    const folder = join(root, "src", room);
    if (!statSync(folder).isDirectory()) continue;
    const sources = readdirSync(folder).filter((name) => name.endsWith(".kernel.ts"));
    if (sources.length === 0) continue;
    const target = join(folder, "kernels.wasm.ts");
    const parts = [...sources.map((name) => join(folder, name)), fileURLToPath(import.meta.url)];
    const newestMs = Math.max(...parts.map((path) => statSync(path).mtimeMs));
    if (existsSync(target) && statSync(target).mtimeMs >= newestMs) continue;
    const bytes = await compile(sources.map((name) => `src/${room}/${name}`));
    const text = `/** Made by kernels.mjs: the kernels of this room as WebAssembly, in base64. */\nexport const wasm =\n  "${Buffer.from(bytes).toString("base64")}";\n`;
    // Another process may read it at this moment.
    writeFileSync(`${target}.part`, text);
    renameSync(`${target}.part`, target);
  }
}

async function compile(sources) {
  const { default: asc } = await import("assemblyscript/asc");
  let bytes;
  const { error, stderr } = await asc.main(
    [...sources, "--baseDir", root, "--outFile", "kernels.wasm", ...flags],
    {
      readFile: (name, folder) => {
        const path = join(folder, name);
        return existsSync(path) ? readFileSync(path, "utf8") : null;
      },
      writeFile: (_name, contents) => {
        bytes = contents;
      },
    },
  );
  if (error) throw new Error(`The kernels don't compile: ${error.message}\n${stderr.toString()}`);
  return bytes;
}
