import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import pg from 'pg'
import { expect, it } from 'vitest'

const require = createRequire(import.meta.url)

it('runs on the version of pg that it is to run on', () => {
  const { version } = require('pg/package.json') as { version: string }
  const manifest = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')
  const { devDependencies } = JSON.parse(manifest) as { devDependencies: { pg: string } }
  expect(version).toBe(process.env['LOWEST_PG_VERSION'] ?? devDependencies.pg)
  expect((require('pg') as typeof pg).Client).toBe(pg.Client)
})
