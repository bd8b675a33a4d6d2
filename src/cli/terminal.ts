/** A person's terminal: single keys come from it, and one line of it is drawn again and again. */

import { emitKeypressEvents } from "node:readline";

export interface Terminal {
  /** Hears single keys, by the names of `node:readline` (`a`, `space`, `left`, `shift+left`, `ctrl+c`); the answer gives the terminal back. */
  keys(heard: (key: string) => void): () => void;
  write(text: string): void;
  /** Its width at this moment. */
  columns(): number;
}

/** Whether a terminal shows this stream and understands more than lines. */
export function isScreen(stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** The terminal that the process was started in; undefined when nobody sits there, or its output goes elsewhere. */
export function ownTerminal(output: NodeJS.WriteStream = process.stdout): Terminal | undefined {
  const { stdin } = process;
  if (!isScreen(stdin) || !isScreen(output)) return undefined;
  return {
    keys(heard) {
      emitKeypressEvents(stdin);
      stdin.setRawMode(true);
      const onKey = (text: string | undefined, key: { name?: string; ctrl?: boolean; shift?: boolean }) => {
        const name = key.name ?? text ?? "";
        const shifted = key.shift && name.length > 1 ? `shift+${name}` : name;
        heard(key.ctrl ? `ctrl+${name}` : shifted);
      };
      stdin.on("keypress", onKey).resume();
      return () => {
        stdin.off("keypress", onKey).pause();
        stdin.setRawMode(false);
      };
    },
    write: (text) => void output.write(text),
    columns: () => output.columns ?? 80,
  };
}

/** Draws over the line that was drawn last. */
export const overLine = (text: string) => `\r\x1b[2K${text}`;
