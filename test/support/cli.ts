/** Runs the built command line as a user does, in a process of its own. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./world.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliChoices {
  readonly cwd?: string;
  /** Called with each piece of standard output; may send a signal. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The same for standard error. */
  readonly onNotice?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** `reflexarc ...args`; standard input is closed, and nothing is a terminal. */
export function cli(
  args: readonly string[],
  { cwd = root, onOutput, onNotice }: CliChoices = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "dist/src/cli/main.js"), ...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += text;
      onOutput?.(String(text), (signal) => child.kill(signal));
    });
    child.stderr.on("data", (text) => {
      stderr += text;
      onNotice?.(String(text), (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
