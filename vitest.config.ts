import { defineConfig } from 'vitest/config';

// Packages resolve to their sources, so that a test never runs against a stale build.
const conditions = ['tollward-source', 'node', 'development|production'];

const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

export default defineConfig({
  test: {
    // An embedded PostgreSQL takes about 450 MB per worker.
    maxWorkers: 2,
    reporters: ['default', './conformance/requirements-reporter.ts'],
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['{packages/*/src,conformance,scripts,bench}/**/*.test.ts'],
          exclude: ['**/*.system.test.ts', '**/dist/**', '**/node_modules/**'],
          testTimeout: 15_000,
          hookTimeout: 30_000,
          // A worker loads the program once, not for each file: a quarter of the time of the whole run.
          isolate: false,
        },
      },
      {
        ...shared,
        test: {
          name: 'system',
          include: ['{packages,conformance,scripts,bench}/**/*.system.test.ts'],
          exclude: ['**/dist/**', '**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'long',
          include: ['conformance/**/*.long.ts'],
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
