// Adds up what the suites ran and prints the closing line; a missing or empty suite, or a failed step, is a failure.
import { existsSync, readFileSync } from "node:fs";

const [failedSteps, ...files] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of files) {
  const counts = existsSync(file)
    ? JSON.parse(readFileSync(file, "utf8"))
    : { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 0 };
  if (counts.numPassedTests === 0) console.log(`${file} ran nothing`);
  passed += counts.numPassedTests;
  // A file that could not even be loaded fails as a suite, without a failed test.
  failed += Math.max(counts.numFailedTests, counts.numFailedTestSuites, counts.numPassedTests === 0 ? 1 : 0);
}
failed = Math.max(failed, Number(failedSteps));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
