/** What every actuator driver keeps, whatever it drives: one suite for all of them. */

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type VirtualClock, virtualClock } from "../../src/clock.ts";
import type { OperatorRequest, SafeCommand } from "../../src/safety/command.ts";
import { guardOptions } from "../../src/safety/limits.ts";
import type { Actuator, ActuatorContext, ActuatorDefinition } from "../../src/stage.ts";
import { move, release } from "./safe.ts";

/** A context that remembers what the driver said. */
export interface HeardContext extends ActuatorContext {
  readonly clock: VirtualClock;
  readonly asked: OperatorRequest[];
  readonly connections: string[];
  readonly misses: (number | undefined)[];
  readonly notices: string[];
}

export function heardContext(id = "pan", signal: AbortSignal = new AbortController().signal): HeardContext {
  const heard = {
    asked: [] as OperatorRequest[],
    connections: [] as string[],
    misses: [] as (number | undefined)[],
    notices: [] as string[],
  };
  return {
    ...heard,
    id,
    pipeline: "follow",
    clock: virtualClock(),
    signal,
    seed: 1,
    resolvePath: (path) => path,
    notice: (text) => heard.notices.push(text),
    operator: (request) => heard.asked.push(request),
    connection: (state) => heard.connections.push(state),
    missed: (at) => heard.misses.push(at),
  };
}

/** A driver at its fake device. */
export interface Bench {
  readonly actuator: Actuator;
  /** How many frames reached the device; asked after `settle`. */
  received(): number;
  /** Pulls the plug, where there is one. */
  lose?(): void;
  /** Lets what is on its way arrive. */
  settle(): Promise<void>;
  end?(): Promise<void>;
}

export interface ActuatorCase<Options> {
  readonly definition: ActuatorDefinition<Options> & { options: z.ZodType<Options> };
  /** Options as a document gives them. */
  readonly options: object;
  open(options: Options, context: HeardContext): Promise<Bench>;
}

export function actuatorContract<Options>({ definition, options: given, open }: ActuatorCase<Options>): void {
  const options = () => definition.options.parse(given);
  const commands: SafeCommand[] = [move(90), move(45, 2000), release(3000)];

  describe(`${definition.name} keeps the contract of actuators`, () => {
    it("says what it is, and what each option means", () => {
      expect(definition.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(definition.about).toMatch(/^[A-Z].*\.$/);
      expect(definition.units.length).toBeGreaterThan(0);
      const shape = (definition as ActuatorDefinition).options.shape as Record<string, z.ZodType>;
      for (const [name, option] of Object.entries(shape)) {
        expect(option.description, name).toMatch(/./);
        expect(Object.keys(guardOptions), "an option of the guard").not.toContain(name);
      }
      const shown = z.toJSONSchema((definition as ActuatorDefinition).options.extend(guardOptions), {
        io: "input",
      });
      expect(shown.required).toContain("limits");
      expect(() => definition.options.parse({ ...given, misspelt: 1 })).toThrow(/misspelt/);
    });

    it("encodes as a pure function, and tells a release from a move", () => {
      const before = structuredClone(commands);
      const once = commands.map(definition.encode(options()));
      const encode = definition.encode(options());
      const again = [...commands].reverse().map(encode).reverse();
      expect(again).toEqual(once);
      expect(commands).toEqual(before);
      expect(new Set(once.map((frame) => frame.join())).size).toBe(3);
    });

    it("writes what it is told, stops, and writes nothing after that", async () => {
      const context = heardContext();
      const bench = await open(options(), context);
      const encode = definition.encode(options());
      try {
        for (const command of commands) {
          bench.actuator.write(encode(command), command);
          await bench.settle();
        }
        expect(bench.received()).toBe(3);
        await bench.actuator.stop();
        bench.actuator.write(encode(commands[0]!), commands[0]!);
        await bench.settle();
        expect(bench.received()).toBe(3);
        await bench.actuator.stop();
        expect(context.connections).toEqual([]);
      } finally {
        await bench.end?.();
      }
    });

    it("tells a lost connection once, and drops what comes then", async () => {
      const context = heardContext();
      const bench = await open(options(), context);
      try {
        if (!bench.lose) return expect(bench.actuator.counts?.()).toBeUndefined();
        bench.lose();
        await bench.settle();
        expect(context.connections[0]).toBe("lost");
        expect(context.connections.filter((state) => state === "lost")).toHaveLength(1);
        bench.actuator.write(definition.encode(options())(commands[0]!), commands[0]!);
        await bench.settle();
        expect(bench.received()).toBe(0);
        expect(Object.values(bench.actuator.counts!())).toContain(1);
      } finally {
        await bench.actuator.stop();
        await bench.end?.();
      }
    });
  });
}
