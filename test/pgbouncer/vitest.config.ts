import { defineConfig } from 'vitest/config'

const conditions = ['fastify-data-bridge-source', 'module', 'node', 'development|production']

/** Apart from the other tests, which need nothing that `npm ci` does not bring. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/pgbouncer/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // One after the other: each test is busy enough for the processors.
    maxWorkers: 1,
    isolate: false,
    // Far from what any test needs: a busy machine makes none fail.
    testTimeout: 300_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000, interval: 10 } },
    slowTestThreshold: 30_000,
  },
})
