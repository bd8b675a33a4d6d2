import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./kernels.mjs",
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/shared/**", "test/device/**"],
    passWithNoTests: false,
    testTimeout: 60_000,
    // By default one core is left alone: half of a machine with two.
    maxWorkers: "100%",
  },
});
