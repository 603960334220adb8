import { defineConfig } from 'vitest/config'

// They share their processes: to load the library anew for each file takes longer than to test it. The others
// start SDKs of OpenTelemetry, of which a process can have one, or processes of their own.
const shared = ['test/{bench,n-plus-one,orm,plugin}/**/*.test.ts']

// The package's own name means its sources here, as for `node --conditions` and the compiler.
const conditions = ['fastify-data-bridge-source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: shared, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['test/**/*.test.ts'],
          exclude: shared,
          typecheck: { enabled: true, include: ['test/types/**/*.test-d.ts'] },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['orm/**/*.ts', 'plugin/**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
})
