import { DataBridgeError } from '../errors.ts'
import type { ReadRows } from '../sql/fetched.ts'
import { queryWriteStatement, type WrittenRows } from '../sql/query-write-statement.ts'
import type { HeldRows, QueryWrite } from '../sql/query-write.ts'
import { deletionByQuery } from './delete-by-query.ts'
import { updateByQuery } from './update-by-query.ts'
import type { Writing } from './writing.ts'

/** What a write by a query means to the entities of the session. */
export interface Following {
  /** The rows that the session needs to know; undefined if it holds none that the write could concern. */
  readonly held: HeldRows | undefined
  /** Puts the written rows into the entities. */
  follow(written: WrittenRows): void
  /** Asks, in the same exchange, for what the write itself cannot give back. */
  ask?(): void
}

/**
 * Puts the statement of a write by a query, and those that ask for what it has changed beside.
 *
 * @param name the method as a message names it
 * @param done takes the result
 */
export function putQueryWrite(
  writing: Writing,
  write: QueryWrite,
  name: string,
  done: (result: ReadRows) => void,
): void {
  const { table } = write.from
  const facts = writing.factsOf(table)
  refuseMade(writing, write, name)
  const following =
    write.verb === 'UPDATE' ? updateByQuery(writing, write) : deletionByQuery(writing, write)
  const made = queryWriteStatement(write, facts, following.held)
  writing.put({
    verb: write.verb,
    table,
    entities: [],
    statement: () => made.statement,
    guarded: () => undefined,
    ...(write.returning !== undefined && { isDescribed: true }),
    absorb({ rows, rowCount, parse = (_, text) => text }) {
      const written = made.read(rows, rowCount, parse)
      const { result } = written
      if (result.rowCount > 0 || !facts.isPlain) writing.work.executed()
      following.follow(written)
      done(result)
    },
  })
  following.ask?.()
}

/** Refuses columns whose values only the database makes. */
function refuseMade(
  writing: Writing,
  { from: { table }, changes }: QueryWrite,
  name: string,
): void {
  const facts = writing.factsOf(table)
  const made = changes.find(
    ({ column }) => facts.isGenerated(column) || facts.isAlwaysIdentity(column),
  )
  if (made === undefined) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${name}: ${table.entityName}.${made.column.property} cannot be set: the database makes its value`,
  )
}
