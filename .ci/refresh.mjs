// Writes what follows from the catalog: the JSON Schemas beside the pipelines, and README's table of stages and drivers.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const list = (...args) =>
  execFileSync(process.execPath, [at("dist/src/cli/main.js"), "list", ...args], { encoding: "utf8" });

writeFileSync(at("pipelines/pipeline.schema.json"), list("--schema"));
writeFileSync(at("pipelines/network.schema.json"), list("network", "--schema"));
const table = list("--markdown");
const readme = readFileSync(at("README.md"), "utf8");
writeFileSync(
  at("README.md"),
  readme.replace(/(<!-- list -->\n)[\s\S]*?(<!-- end of list -->)/, (_, start, end) => start + table + end),
);
