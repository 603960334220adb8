import { defineConfig } from 'vitest/config'

// The package's own name means its sources here, as for `node --conditions` and the compiler.
const conditions = ['fastify-data-bridge-source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
    },
    coverage: {
      provider: 'v8',
      include: ['orm/**/*.ts', 'plugin/**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
})
