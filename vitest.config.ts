import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// What a run loads is compiled once, for its many processes and for the next run.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/node')

// They share their processes: to load the library anew for each file takes longer than to test it. Those that are
// traced share them with each other, and the one SDK of OpenTelemetry that a process can have; the others have their own.
const shared = [
  'test/{architecture,bench,example,n-plus-one,orm,package,plugin,testing}/**/*.test.ts',
  'test/docs/{error-table,examples,telemetry-options}.test.ts',
  'test/telemetry/setup-{environment,options}.test.ts',
]
const traced = [
  'test/docs/{collector,telemetry-table}.test.ts',
  'test/telemetry/{named,nesting,re*,s*-spans,span-*}.test.ts',
]

// The core, once more in processes that must not generate code.
const core = [
  'test/orm/driver/lane/{exchanges,rows}.test.ts',
  'test/orm/entity/{deferred,deferred-writes,entity,hidden,hydration}.test.ts',
  'test/orm/query/{queries,select}.test.ts',
  'test/orm/relations/{eager,lazy,loaders}.test.ts',
  'test/orm/schema/round-trip{,-batch,-unreadable}.test.ts',
  'test/orm/{flush/flush,session/transactions}.test.ts',
  'test/orm/unit-of-work/{dirty-tracking,identity-map}.test.ts',
]

// The package's own name means its sources here, as for `node --conditions` and the compiler.
const conditions = ['fastify-data-bridge-source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Many tests wait for processes: three workers keep two processors busy.
    maxWorkers: 3,
    // Far from what any test needs: a busy machine makes none fail.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000, interval: 10 } },
    // Or those that only took a moment longer would be most of what is printed.
    slowTestThreshold: 5_000,
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: shared, isolate: false },
      },
      {
        extends: true,
        test: { name: 'traced', include: traced, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'without code generation',
          include: core,
          isolate: false,
          execArgv: ['--disallow-code-generation-from-strings'],
          setupFiles: ['test/support/without-code-generation.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['test/**/*.test.ts'],
          // Those of test/pgbouncer need a PgBouncer: npm run test:pgbouncer
          exclude: [...shared, ...traced, 'test/pgbouncer/**'],
          typecheck: {
            enabled: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: 'test/types/tsconfig.json',
          },
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
