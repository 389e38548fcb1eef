import { defineConfig } from 'vitest/config';

/** Unit, property, contract, integration and end-to-end tests; native tests run under CTest. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/gpu/**', 'node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Polls wait for what happens, not for how fast: a busy machine may take its time.
    expect: { poll: { timeout: 30_000 } },
  },
});
