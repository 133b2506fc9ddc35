import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["dist/**", "node_modules/**"],
    // No test judges time, so this only ends what hangs.
    testTimeout: 120_000,
    // Seeds and case counts are printed by the tests themselves; keep them short.
    printConsoleTrace: false,
  },
});
