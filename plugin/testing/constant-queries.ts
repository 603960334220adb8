import { describe, optionError, type Site } from '../../orm/index.ts'
import { siteText } from './messages.ts'
import { tablesIn, verbOf } from './normalized-sql.ts'
import type { QueryRecord } from './query-record.ts'
import { recordQueries } from './record-queries.ts'

/** See {@link expectConstantQueries}. */
export interface ConstantQueriesOptions {
  /** Brings the database to so many rows. */
  readonly populate: (rows: number) => unknown
  /** How many rows to try, at least two numbers, ascending. Default: `[2, 5]`. */
  readonly scales?: readonly number[]
  /** Whether the function runs once before, so that caches are filled. Default: `true`. */
  readonly warmup?: boolean
}

/**
 * Runs a function with several numbers of rows, and rejects if the number of statements is not the same each time. It
 * needs no findings: whatever the reason is, statements that grow with the rows are found.
 *
 * @returns what was recorded, one record for each scale
 *
 * @example
 * ```ts
 * import type { FastifyInstance } from 'fastify'
 * import { expectConstantQueries } from 'fastify-data-bridge/testing'
 * import { User } from './entities.ts'
 *
 * export async function testUsers(app: FastifyInstance): Promise<void> {
 *   let count = 0
 *   await expectConstantQueries(
 *     {
 *       scales: [2, 5],
 *       populate: (rows) =>
 *         app.dataBridge.run((session) => {
 *           for (; count < rows; count += 1)
 *             session.add(new User({ name: 'Ann', email: `ann${count}@example.com` }))
 *         }),
 *     },
 *     () => app.inject('/users'),
 *   )
 * }
 * ```
 */
export async function expectConstantQueries(
  { populate, scales = [2, 5], warmup = true }: ConstantQueriesOptions,
  fn: () => unknown,
): Promise<readonly QueryRecord[]> {
  requireScales(scales)
  const measured: Measured[] = []
  for (const rows of scales) {
    await populate(rows)
    if (warmup && measured.length === 0) await recordQueries(fn)
    measured.push({ rows, db: await recordQueries(fn) })
  }
  const [first] = measured
  const hasChanged = measured.some(({ db }) => db.queryCount !== first?.db.queryCount)
  if (hasChanged) throw new Error(messageOf(measured))
  if (measured.every(({ db }) => db.sessions === 0))
    throw new Error(
      'Expected statements, got none. No session has begun in the function. A session that began before it is not recorded: open it in the function.',
    )
  return measured.map(({ db }) => db)
}

interface Measured {
  readonly rows: number
  readonly db: QueryRecord
}

function requireScales(scales: readonly number[]): void {
  const areAscending = scales.every(
    (rows, index) => Number.isInteger(rows) && rows > (scales[index - 1] ?? -1),
  )
  if (scales.length >= 2 && areAscending) return
  throw optionError(
    `scales expected at least two integers, ascending, got ${scales.length < 2 ? describe(scales) : scales.join(', ')}`,
  )
}

/** `4 queries for N=2, 7 for N=5 (slope 1.0). comments (SELECT): 2 != 5 at src/posts.ts:41:3` */
function messageOf(measured: readonly Measured[]): string {
  const counts = measured.map(
    ({ rows, db }, index) => `${db.queryCount}${index === 0 ? ' queries' : ''} for N=${rows}`,
  )
  const groups = measured.map(({ db }) => groupsOf(db))
  const names = new Set(groups.flatMap((each) => [...each.keys()]))
  const lines = [...names].flatMap((name) => {
    const each = groups.map((found) => found.get(name)?.count ?? 0)
    if (each.every((count) => count === each[0])) return []
    const site = groups.findLast((found) => found.has(name))?.get(name)?.site
    return `${name}: ${each.join(' != ')}${site === undefined ? '' : ` at ${siteText(site)}`}`
  })
  return [
    `Expected the same number of queries for all numbers of rows, got ${counts.join(', ')} (slope ${slopeOf(measured).toFixed(1)}).`,
    ...lines,
  ].join('\n  ')
}

function slopeOf(measured: readonly Measured[]): number {
  const [first, last] = [measured[0], measured.at(-1)] as [Measured, Measured]
  return (last.db.queryCount - first.db.queryCount) / (last.rows - first.rows)
}

/** The statements of a record by what they do to which tables: `comments (SELECT)`. */
function groupsOf({ statements }: QueryRecord): Map<string, { count: number; site?: Site }> {
  const groups = new Map<string, { count: number; site?: Site }>()
  for (const { sql, summary, site } of statements) {
    const [table = 'no table'] = tablesIn(sql)
    const name = `${table} (${verbOf(sql, summary).toUpperCase()})`
    const group = groups.get(name) ?? { count: 0 }
    group.count += 1
    // The later ones are those that are too many.
    if (site !== undefined) group.site = site
    groups.set(name, group)
  }
  return groups
}
