import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { DataBridgeError, errorCodes } from '../../orm/index.ts'

const text = readFileSync(resolve(import.meta.dirname, '../../docs/errors.md'), 'utf8')
const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\w+) \|/gm)]
const secret = 'find(User) got "hunter2" from users on db.example.com'

it('docs/errors.md lists every code with its status', () => {
  expect(rows.map(([, code]) => `DATA_BRIDGE_ERR_${code}`)).toEqual(errorCodes)
  for (const [, code, status] of rows) {
    const error = new DataBridgeError(
      `DATA_BRIDGE_ERR_${code}` as (typeof errorCodes)[number],
      secret,
    )
    expect(error.statusCode).toBe(Number(status))
  }
})

it('the message of an error has names only where the program is wrong, its stack always', () => {
  for (const [, code, , cause] of rows) {
    const error = new DataBridgeError(
      `DATA_BRIDGE_ERR_${code}` as (typeof errorCodes)[number],
      secret,
    )
    expect([code, error.message]).toEqual([
      code,
      cause === 'program' ? secret : error.clientMessage,
    ])
    expect(error.stack).toContain(secret)
    expect(Object.keys(error)).not.toContain('details')
  }
})
