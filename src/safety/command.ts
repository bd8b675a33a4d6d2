/** Commands: what a readout asks of an actuator, and what the guard has allowed. */

/** Units of a command's value. `deg` is a servo angle, `pulseUs` a servo pulse width, `duty` 0 to 1, `switch` 0 or 1. */
export const units = ["deg", "pulseUs", "degPerS", "duty", "switch"] as const;
export type Unit = (typeof units)[number];

/** A wish: it moves nothing until the guard has made a SafeCommand of it. */
export interface Command {
  /** Packet time at which it was said, microseconds. */
  readonly atUs: number;
  /** The readout's label for it, for example `pan`. */
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
  /** How long it may wait before it is stale, microseconds. */
  readonly ttlUs: number;
  /** Counts up by one with each command of this name. */
  readonly sequence: number;
}

/** Commands with `fromUs < atUs <= toUs`, in order of time; none at all is a tick. */
export interface Commands {
  readonly fromUs: number;
  readonly toUs: number;
  readonly commands: readonly Command[];
}

declare const guarded: unique symbol;

/** What an actuator may be told. Only `safety/guard.ts` makes one: nothing else can name the brand. */
export type SafeCommand = { readonly [guarded]: true; readonly atUs: number; readonly sequence: number } & (
  | { readonly action: "move"; readonly value: number; readonly unit: Unit }
  /** Let go: stop the pulses, drop the torque. */
  | { readonly action: "release" }
);

/** Of a command, what its way to the device needs to know. */
export type Said = { readonly action: "move"; readonly value: number } | { readonly action: "release" };

/** What an operator may ask of the guard, from a key, a topic or a signal. */
export type OperatorRequest = "arm" | "disarm" | "emergency-stop" | "reset-emergency-stop";
