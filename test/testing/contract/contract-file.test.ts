import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DatabaseContract } from '../../../plugin/testing/contract/contract.ts'
import { expectContract } from '../../../plugin/testing/index.ts'

const statement = {
  by: 'find(Post)',
  summary: 'SELECT posts',
  sql: 'select id from posts',
  times: '1',
  plan: { orders: [{ by: 'posts.id', index: 'posts_pkey' }] },
}
const contract: DatabaseContract = {
  plans: 'checked',
  indexes: { posts_pkey: 'unique posts USING btree (id)', unused: 'posts USING btree (title)' },
  routes: { 'GET /posts': { status: '200', transaction: {}, statements: [statement] } },
}
const changed: DatabaseContract = {
  ...contract,
  routes: {
    'GET /posts': {
      status: '200',
      transaction: {},
      statements: [{ ...statement, times: 'rows' }],
    },
  },
}

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contract-test-'))
  file = join(folder, 'deep', 'posts.json')
  vi.stubEnv('CI', undefined)
  vi.stubEnv('DATA_BRIDGE_UPDATE_CONTRACTS', undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

function written(): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

describe('expectContract', () => {
  it('writes a missing file, with the indexes that are used', async () => {
    await expectContract(contract, file)
    expect(written()).toEqual({
      ...contract,
      indexes: { posts_pkey: 'unique posts USING btree (id)' },
    })
    await expectContract(contract, pathToFileURL(file))
  })

  it('writes none where CI is set, and says what to do', async () => {
    vi.stubEnv('CI', 'true')
    await expect(expectContract(contract, file)).rejects.toThrow(
      `Expected a database contract in ${file}, got no file: run the test where CI is not set, and check the file in.`,
    )
    expect(written).toThrow('ENOENT')
  })

  it('rejects with the differences, and leaves the file as it is', async () => {
    await expectContract(contract, file)
    await expect(expectContract(changed, file)).rejects.toThrow(
      `Expected the database contract of ${file}, got a difference:\n` +
        '  GET /posts: SELECT posts by find(Post): 1 → rows\n' +
        'If it is right, run the test once with DATA_BRIDGE_UPDATE_CONTRACTS=1, and check the file in.',
    )
    expect(written()).toMatchObject({ routes: contract.routes })
  })

  it('updates the file if it shall', async () => {
    await expectContract(contract, file)
    vi.stubEnv('DATA_BRIDGE_UPDATE_CONTRACTS', '1')
    await expectContract(changed, file)
    expect(written()).toMatchObject({ routes: changed.routes })
  })

  it('leaves a file without differences, when it shall update', async () => {
    await expectContract(contract, file)
    const text = `${readFileSync(file, 'utf8')}\n\n`
    writeFileSync(file, text)
    vi.stubEnv('DATA_BRIDGE_UPDATE_CONTRACTS', '1')
    await expectContract(contract, file)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('does not lose the plans of a file', async () => {
    await expectContract(contract, file)
    vi.stubEnv('DATA_BRIDGE_UPDATE_CONTRACTS', '1')
    await expect(
      expectContract({ ...changed, plans: 'not checked: PostgreSQL 15' }, file),
    ).rejects.toThrow('Expected a PostgreSQL that tells plans')
    expect(written()).toMatchObject({ routes: contract.routes })
  })

  it('adds plans to a file without', async () => {
    await expectContract({ ...contract, plans: 'not checked: PostgreSQL 15' }, file)
    await expectContract(contract, file)
    expect(written()).toMatchObject({ plans: 'not checked: PostgreSQL 15' })
    vi.stubEnv('DATA_BRIDGE_UPDATE_CONTRACTS', '1')
    await expectContract(contract, file)
    expect(written()).toMatchObject({ plans: 'checked' })
  })

  it.each(['{}', '{', 'null'])('refuses %s', async (text) => {
    await expectContract(contract, file)
    writeFileSync(file, text)
    await expect(expectContract(contract, file)).rejects.toThrow(
      `Expected a database contract in ${file}, got something else`,
    )
  })
})
