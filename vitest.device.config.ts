import { defineConfig } from "vitest/config";

/** Tests with real peers (Mosquitto, a pseudo-terminal, a terminal); `.ci/install-peers` installs them. */
export default defineConfig({
  test: {
    globalSetup: "./kernels.mjs",
    include: ["test/device/**/*.test.ts"],
    passWithNoTests: false,
    testTimeout: 120_000,
    fileParallelism: false,
  },
});
