import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { Wide } from '../schema/every-type.ts'

const { url, query, truncate } = await testDatabase([Wide])

interface Seen {
  readonly canGenerate: boolean
  readonly text: string
}

async function run(...flags: readonly string[]): Promise<Seen> {
  await truncate()
  await query(`alter table wide alter column id restart`)
  const script = join(import.meta.dirname, 'every-row.ts')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '--disable-warning=ExperimentalWarning', script, url],
    { maxBuffer: 2 ** 26 },
  )
  return JSON.parse(stdout) as Seen
}

it('a process that must not generate code does the same with rows of every type', async () => {
  const generated = await run()
  const looped = await run('--disallow-code-generation-from-strings')
  expect([generated.canGenerate, looped.canGenerate]).toEqual([true, false])
  expect(looped.text).toBe(generated.text)
  expect(looped.text.length).toBeGreaterThan(10_000)
})
