import { defineConfig } from "vitest/config";

/** Tests on real data that is not part of the project; see `REFLEXARC_SHARED`. */
export default defineConfig({
  test: {
    globalSetup: "./kernels.mjs",
    include: ["test/shared/**/*.test.ts"],
    passWithNoTests: false,
    testTimeout: 300_000,
    maxWorkers: "100%",
  },
});
