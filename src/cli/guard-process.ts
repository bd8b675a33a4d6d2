/** Starts the guard process and keeps the line to it. */

import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Clock } from "../clock.ts";
import {
  type Channel,
  connectGuard,
  type FromGuard,
  type GuardProcess,
  type ToGuard,
} from "../pipeline/guard-link.ts";

/** The line is the child's file descriptor 3, so that nothing printed by mistake can get into it. */
export const lineFd = 3;

/** A line that holds more than this unread is not read any more. */
const waitingBytesMax = 1 << 20;
/** Longest message: a longer one is none of ours. */
const messageLengthMax = 1 << 20;

/** Starts `reflexarc guard`. It is a session leader, so that what a terminal sends to the run does not end it too. */
export function startGuard(
  folder: string,
  clock: Clock,
  heard: { lost: (why: string) => void; notice: (text: string) => void },
): GuardProcess {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "guard", folder], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const line = jsonLines<FromGuard, ToGuard>(child.stdio[lineFd] as Socket);
  const channel: typeof line = {
    ...line,
    listen(hear, closed) {
      let over = false;
      const once = (why: string) => {
        if (!over) closed(why);
        over = true;
      };
      child.on("error", (error) => once(error.message));
      child.on("exit", (code, signal) =>
        once(signal ? `it was ended by ${signal}` : `it ended with code ${code}`),
      );
      line.listen(hear, once);
    },
  };
  child.unref();
  return connectGuard(channel, clock, heard);
}

/** Messages as JSON, one a line, over a socket. */
export function jsonLines<In, Out>(socket: Socket): Channel<In, Out> {
  let open = true;
  return {
    send(message) {
      if (open && socket.writableLength < waitingBytesMax) socket.write(JSON.stringify(message) + "\n");
    },
    listen(heard, closed) {
      let rest = "";
      let over = false;
      socket.setEncoding("utf8");
      socket.on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        if (rest.length > messageLengthMax) socket.destroy(new Error("a message without an end"));
        for (const line of lines) if (open) heard(JSON.parse(line) as In);
      });
      // `close` follows an error, and tells that the line is gone.
      socket.on("error", () => {});
      for (const end of ["end", "close"]) {
        socket.on(end, () => {
          open = false;
          if (!over) closed("the line to it closed");
          over = true;
        });
      }
    },
    close() {
      open = false;
      socket.end();
      // Nobody waits for the other side: it may be stopped.
      socket.unref();
    },
  };
}
