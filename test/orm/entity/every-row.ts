import { inspect } from 'node:util'
import { Database } from '../../../orm/index.ts'
import { canGenerate } from '../../../orm/util/code-generation.ts'
import { columnsOf, type TypeName, typeNames, Wide } from '../schema/every-type.ts'
import { hostile } from '../schema/hostile-values.ts'

/*
 * Inserts, reads, changes, refreshes, writes as JSON and deletes rows with every type, and prints what
 * it saw. Run as `node every-row.ts <url>` on a database with the table of `Wide`.
 */

const [, , url = ''] = process.argv
const database = new Database({ connectionString: url, max: 1 })
const seen: unknown[] = []

function rowOf(turn: number): Record<TypeName, unknown> {
  return Object.fromEntries(
    typeNames.map((name) => [name, hostile[name][turn % hostile[name].length]]),
  ) as Record<TypeName, unknown>
}

await database.run(async (session) => {
  session.add(Array.from({ length: 5 }, (_, turn) => new Wide(rowOf(turn) as never)))
  await session.flush()
})
await database.run(async (session) => {
  const rows = await session
    .find(Wide)
    .orderBy((row) => row.id.asc())
    .toList()
  seen.push(rows.map(columnsOf), session.hasUnsaved, JSON.stringify(rows))
  rows.forEach((row, turn) => Object.assign(row, rowOf(turn + 1)))
  seen.push(session.hasUnsaved)
  await session.flush()
  seen.push(session.hasUnsaved, await session.get(Wide, rows[0]?.id as number))
  for (const row of rows) await session.refresh(row)
  seen.push(rows.map(columnsOf), session.hasUnsaved)
  session.delete(rows.slice(1))
  await session.flush()
  seen.push(await session.find(Wide).count())
})
await database.close()

const text = inspect(seen, { depth: 20, maxArrayLength: 50, maxStringLength: 2000 })
process.stdout.write(`${JSON.stringify({ canGenerate: canGenerate(), text })}\n`)
