/** `npm run faults -- 100000 1`: so many random fault schedules, from this seed on; prints the digest of all their traces. */

import { createHash } from "node:crypto";
import { playSchedule } from "./fault-schedules.ts";

const [count = 5000, firstSeed = 1] = process.argv.slice(2).map(Number);
const digest = createHash("sha256");
const startedMs = performance.now();
let moving = 0;
let breaches = 0;
for (let seed = firstSeed; seed < firstSeed + count; seed++) {
  const { breach, moves, sha256 } = await playSchedule(seed);
  digest.update(sha256);
  if (moves > 5) moving += 1;
  if (breach) {
    breaches += 1;
    console.log(`seed ${seed}: ${breach}`);
  }
  if ((seed - firstSeed + 1) % 10_000 === 0) console.log(`${seed - firstSeed + 1} played`);
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
console.log(
  `${count} schedules from seed ${firstSeed}: ${breaches} broke a rule, ${moving} moved; ${seconds} s; sha256 ${digest.digest("hex")}`,
);
process.exitCode = breaches > 0 || moving < count / 2 ? 1 : 0;
