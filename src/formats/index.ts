/** The recording formats by name, and which of them a file is. */

import { aedat2 } from "./aedat2.ts";
import { aedat4 } from "./aedat4.ts";
import type { Format } from "./format.ts";
import { nmnist } from "./nmnist.ts";

export const formats: readonly Format[] = [aedat4, aedat2, nmnist];

/** The format whose signature the first bytes carry, or, without one, the first that the file's name and bytes suit. */
export function sniffFormat(head: Uint8Array, fileName: string): Format | undefined {
  const answers = formats.map((format) => ({ format, answer: format.sniff(head, fileName) }));
  const best =
    answers.find(({ answer }) => answer === "sure") ?? answers.find(({ answer }) => answer === "guess");
  return best?.format;
}

export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name);
}
