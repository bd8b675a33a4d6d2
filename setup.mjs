// Sets up a fresh clone: installs the packages and builds, each only when it is missing or out of date.
// It is what `npm start` and `npm test` run first, so it uses nothing but Node.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const at = (...parts) => join(root, ...parts);
const [major] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(
    `reflexarc needs Node.js 20 or newer; this is ${process.version}. Install a newer one from your package manager.`,
  );
  process.exit(2);
}

/** Newest modification time below the named files and folders, in milliseconds. */
function newestMs(paths) {
  let newest = 0;
  for (const path of paths) {
    const stat = statSync(path);
    if (stat.isDirectory())
      newest = Math.max(newest, stat.mtimeMs, newestMs(readdirSync(path).map((name) => join(path, name))));
    else newest = Math.max(newest, stat.mtimeMs);
  }
  return newest;
}

function run(what, command, args, env = {}) {
  process.stderr.write(`${what} ...\n`);
  const windows = process.platform === "win32";
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: windows,
    env: { ...process.env, ...env },
  });
  if (done.status === 0) return;
  console.error(
    `${what} failed (${done.error?.message ?? `exit code ${done.status}`}). Read the lines above; then run the same command again.`,
  );
  process.exit(1);
}

const installed = at("node_modules", ".package-lock.json");
const wanted = [at("package.json"), at("package-lock.json")];
if (!existsSync(installed) || wanted.some((path) => statSync(path).mtimeMs > statSync(installed).mtimeMs)) {
  run("Installing packages", "npm", ["ci", "--no-progress", "--loglevel=error"], { NODE_ENV: "development" });
}

const { default: buildKernels } = await import("./kernels.mjs");
await buildKernels().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

const stamp = at("dist", ".built");
const sources = [at("src"), at("drivers"), at("tsconfig.json"), installed];
if (!existsSync(stamp) || newestMs(sources) > statSync(stamp).mtimeMs) {
  run("Building", process.execPath, [
    at("node_modules", "typescript", "bin", "tsc"),
    "-p",
    at("tsconfig.build.json"),
  ]);
  chmodSync(at("dist", "src", "cli", "main.js"), 0o755);
  writeFileSync(stamp, readFileSync(at("package.json"), "utf8"));
}
