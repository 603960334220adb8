import { DataBridgeError, describe } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import { isAggregate } from '../sql/calls.ts'
import { changesOf } from '../sql/changes.ts'
import { asValue } from '../sql/condition.ts'
import type { ReadRows } from '../sql/fetched.ts'
import { isAlways } from '../sql/logic.ts'
import type { QueryWrite } from '../sql/query-write.ts'
import { attempt } from '../util/attempt.ts'
import { optionError, refuseUnknown } from '../util/option-checks.ts'
import { selectedBy } from './callbacks.ts'
import { methodOfEntities, type QueryPlan, unusedError } from './plan.ts'
import { plainRows, type QueryContext, refuseUnread, type Selected } from './run.ts'

type Name = 'update' | 'delete'

/** How many rows were written, or what the program asked for of each. */
type Result = number | readonly Record<string, unknown>[]

/**
 * Updates or deletes the rows of a query with one statement.
 *
 * @param options the option `returning`, or undefined
 * @param changes what an update sets
 */
export function runWrite(
  context: QueryContext,
  plan: QueryPlan,
  name: Name,
  options: unknown,
  changes?: unknown,
): Promise<Result> {
  return attempt(() => {
    const { from, defaults, where, orders, limit, offset, lock } = plan
    const method = `find(${from.table.entityName}).${name}()`
    refuseUnused(plan, name)
    requireFilter(plan, method)
    requireWritable(context, method)
    const returning = returningOf(plan, options, method)
    const write: QueryWrite = {
      verb: name === 'update' ? 'UPDATE' : 'DELETE',
      from,
      defaults,
      changes: name === 'update' ? changesOf(from, changes, method) : [],
      where,
      orders,
      limit,
      offset,
      lock,
      returning: returning && Object.values(returning).map(asValue),
    }
    const operation: QueryOperation = {
      kind: 'query',
      name,
      table: from.table,
      filters: where?.conjunctCount ?? 0,
      limit,
    }
    const read = (written: ReadRows): Result =>
      returning === undefined ? written.rowCount : plainRows(written, returning)
    const run = (): Promise<Result> => context.write(write, method, operation, read)
    return observed(context.observer, operation, run, outcomeOf)
  })
}

const outcomeOf = (result: Result): Outcome => ({
  rows: typeof result === 'number' ? result : result.length,
})

function refuseUnused(plan: QueryPlan, name: Name): void {
  refuseUnread(name, plan)
  if (plan.distinct !== undefined || plan.after !== undefined) {
    const unused = plan.distinct === undefined ? 'after' : 'distinct'
    throw unusedError(
      plan,
      unused,
      `with ${name}()`,
      'choose the rows by filter(), orderBy() and limit()',
    )
  }
  const ofEntities = methodOfEntities(plan)
  if (ofEntities !== undefined)
    throw unusedError(
      plan,
      ofEntities,
      `with ${name}()`,
      'it gives numbers and values, not entities',
    )
  if (plan.lock?.method === 'forShare')
    throw unusedError(
      plan,
      'forShare',
      `with ${name}()`,
      'it locks its rows against everyone: use forUpdate()',
    )
  // Others could write the chosen rows before it does.
  if (plan.lock?.locksRoot === false)
    throw unusedError(
      plan,
      'forUpdate',
      `with ${name}()`,
      'if its option of leaves out the rows that are written: name them too',
    )
}

function requireFilter({ where, isAll }: QueryPlan, method: string): void {
  if (isAll === true || (where !== undefined && !isAlways(where))) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${method} expected a filter, got none, so it would write every row: call filter(), or all() if every row is meant`,
  )
}

function requireWritable({ isReadOnly }: QueryContext, method: string): void {
  if (!isReadOnly) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${method} expected a session that may write, got a read-only one`,
  )
}

function returningOf(plan: QueryPlan, options: unknown, method: string): Selected | undefined {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `${method} expected options such as { returning: (row) => ({ id: row.id }) }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, ['returning'], method)
  const { returning } = options as { readonly returning?: unknown }
  if (returning === undefined) return undefined
  const selected = selectedBy(plan, returning, method, 'columns or sql templates')
  if (!Object.values(selected).some(isAggregate)) return selected
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${method} expected to return values of each row, got an aggregate; related rows are counted with row.relation.count()`,
  )
}
