import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'

const { url } = await testDatabase()

const folder = new URL('../../../../orm/driver/', import.meta.url)

// Reads the same statement as texts, then in binary format; then a row that cannot be read.
const script = `
const { Client } = await import(${JSON.stringify(new URL('client.ts', folder).href)})
const { Lane } = await import(${JSON.stringify(new URL('lane/lane.ts', folder).href)})
const client = new Client(process.env.DATABASE_URL)
await client.connect()
const int4 = {
  fromText: (text) => 'text ' + text,
  binary: { oid: 23, read: (bytes, at) => {
    if (bytes.readInt32BE(at) === 3) throw new Error('unreadable')
    return 'binary ' + bytes.readInt32BE(at)
  } },
}
const text = { fromText: (value) => value }
const explain = (cause, column, row) => new Error([cause.message, column, row].join())
const decoder = { columns: [text, int4, text], explain }
const ask = (count) => new Promise((resolve) => {
  const rows = []
  const part = {
    text: "select 'é', n, null::text from generate_series(1, $1::int) n",
    name: 'series', parameters: [String(count)], decoder, row: (row) => rows.push(row),
  }
  Lane.of(client).send([part], (failure) => resolve({ rows, error: failure?.error.message }))
})
const outcomes = [await ask(1), await ask(2), await ask(3)]
await client.end()
let canGenerate = true
try { new Function('') } catch { canGenerate = false }
console.log(JSON.stringify({ canGenerate, outcomes }))
`

it.each([
  [true, []],
  [false, ['--disallow-code-generation-from-strings']],
])('reads the same rows with generated code (%s)', async (canGenerate, flags) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...flags,
      '--conditions=fastify-data-bridge-source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '--eval',
      script,
    ],
    { env: { PATH: process.env['PATH'], DATABASE_URL: url } },
  )
  expect(JSON.parse(stdout)).toEqual({
    canGenerate,
    outcomes: [
      { rows: [['é', 'text 1', null]] },
      {
        rows: [
          ['é', 'binary 1', null],
          ['é', 'binary 2', null],
        ],
      },
      {
        rows: [
          ['é', 'binary 1', null],
          ['é', 'binary 2', null],
        ],
        error: 'unreadable,1,é',
      },
    ],
  })
})
