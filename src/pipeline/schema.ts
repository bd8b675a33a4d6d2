/** The JSON Schema of a pipeline document, from the same zod schemas that check it: an editor completes and underlines. */

import { z } from "zod";
import { guardOptions } from "../safety/limits.ts";
import { type Catalog, idPattern } from "./document.ts";

/** JSON Schema (draft 2020-12) of documents that use this catalog. */
export function documentSchema(catalog: Catalog): object {
  const definitions = [...catalog.values()];
  const stages = definitions.map((definition) => {
    const id = z.string().describe("the stage's name in this document: eye, clean, brain, aim, pan");
    const use = z.literal(definition.name).describe(definition.about);
    const from = z
      .union([z.string(), z.array(z.string())])
      .describe("id, or ids, of the stages it takes from; the one above by default");
    const own = definition.kind === "actuator" ? definition.options.extend(guardOptions) : definition.options;
    const shape =
      definition.kind === "sensor"
        ? z.strictObject({ id, use })
        : z.strictObject({ id, use, from: from.optional() });
    return shape.extend(own.shape);
  });
  const document = z.strictObject({
    name: z
      .string()
      .regex(idPattern)
      .describe("what it is called in MQTT topics; the file's name by default")
      .optional(),
    about: z.string().describe("one sentence on what the pipeline does").optional(),
    seed: z.int().describe("for everything random; 1 by default").optional(),
    stages: z
      .array(z.union(stages as unknown as [z.ZodObject, z.ZodObject]))
      .describe("sensor, filters, encoder, core, readouts, actuators"),
  });
  return {
    title: "Reflexarc pipeline",
    ...z.toJSONSchema(document, { io: "input", unrepresentable: "any" }),
  };
}
