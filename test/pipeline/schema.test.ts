/** The JSON Schema beside the bundled pipelines is the one that the catalog gives, and says yes to them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { networkDocument } from "../../src/network/index.ts";
import { documentSchema } from "../../src/pipeline/schema.ts";
import { bundled, catalog, root } from "../support/world.ts";

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  const?: unknown;
  required?: string[];
  description?: string;
}

const schema = JSON.parse(readFileSync(join(root, "pipelines/pipeline.schema.json"), "utf8")) as Schema;
const stages = schema.properties!.stages!.items!.anyOf!;

test("pipelines/pipeline.schema.json is up to date (`npm run refresh` writes it)", () => {
  expect(schema).toEqual(JSON.parse(JSON.stringify(documentSchema(catalog))));
});

test("pipelines/network.schema.json is up to date, and the bundled networks name it", () => {
  const file = JSON.parse(readFileSync(join(root, "pipelines/network.schema.json"), "utf8"));
  expect(file).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(networkDocument, { io: "input" }))));
  for (const name of readdirSync(join(root, "pipelines")).filter((each) => each.endsWith(".network.yaml")))
    expect(readFileSync(join(root, "pipelines", name), "utf8")).toMatch(
      /^# yaml-language-server: \$schema=\.\/network\.schema\.json\n/,
    );
});

test("it knows every stage, and each of its options has a description", () => {
  expect(stages.map((stage) => stage.properties!.use!.const).sort()).toEqual([...catalog.keys()].sort());
  const silent = stages.flatMap((stage) =>
    Object.entries(stage.properties!).flatMap(([option, { description }]) =>
      description ? [] : [`${stage.properties!.use!.const}.${option}`],
    ),
  );
  expect(silent).toEqual([]);
});

test.each(bundled())("every key of %s is in it", (name) => {
  const document = parse(readFileSync(join(root, `pipelines/${name}.yaml`), "utf8")) as {
    stages: Record<string, unknown>[];
  };
  for (const stage of document.stages) {
    const known = stages.find(({ properties }) => properties!.use!.const === stage.use)!;
    for (const key of Object.keys(stage)) expect(known.properties).toHaveProperty(key);
    for (const key of known.required ?? []) expect(stage).toHaveProperty(key);
  }
});
