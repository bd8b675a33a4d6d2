/** The committed firmware is what its source builds to. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { endPeers, temporaryFolder } from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

test("reflexarc-servo.hex is the build of its source", () => {
  const folder = temporaryFolder();
  execFileSync(join(root, "drivers/firmware/build"), [folder], { stdio: "pipe" });
  const built = readFileSync(join(folder, "reflexarc-servo.hex"), "utf8");
  expect(built).toBe(readFileSync(join(root, "drivers/firmware/reflexarc-servo.hex"), "utf8"));
});
