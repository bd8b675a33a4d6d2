/** `reflexarc guard`: the process that holds real ports and their guards, and that outlives a run which is killed. */

import { Socket } from "node:net";
import { isAbsolute, resolve } from "node:path";
import { drivers } from "../../drivers/index.ts";
import { wallClock } from "../clock.ts";
import { hostGuards } from "../pipeline/guard-host.ts";
import type { FromGuard, ToGuard } from "../pipeline/guard-link.ts";
import { jsonLines, lineFd } from "./guard-process.ts";

/** Serves the run at the other end of the line until it is gone, then ends. `folder` is where its document lies. */
export async function guard(folder: string): Promise<void> {
  const line = new Socket({ fd: lineFd, readable: true, writable: true });
  const host = hostGuards({
    channel: jsonLines<ToGuard, FromGuard>(line),
    clock: wallClock(),
    drivers: new Map(
      drivers.flatMap((driver) => (driver.kind === "actuator" ? [[driver.name, driver] as const] : [])),
    ),
    resolvePath: (path) => (isAbsolute(path) ? path : resolve(folder, path)),
  });
  // It ends when its run ends. What a terminal or a service manager sends to all processes reaches the run as well.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("SIGTERM", () => host.request("disarm"));
  process.on("SIGUSR2", () => host.request("emergency-stop"));
  process.on("uncaughtException", (error) => {
    process.stderr.write(`the guard failed: ${error.message}\n`);
    line.destroy();
  });
  await host.ended;
  process.exit();
}
