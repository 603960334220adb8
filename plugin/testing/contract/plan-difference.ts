import {
  type DatabaseContract,
  indexesOf,
  type StatementContract,
  type StatementPlan,
} from './contract.ts'
import { isSame, pairsOf } from './pairs.ts'

/** A change, and the statement in which it shows. */
interface Change {
  readonly line: string
  readonly where: string
}

const mostNamed = 3

/** What has changed of plans, each change once, with the routes in which it shows. */
export function planDifferences(
  before: DatabaseContract,
  now: DatabaseContract,
): readonly string[] {
  if (before.plans !== 'checked' || now.plans !== 'checked') return []
  const changes = Object.entries(before.routes).flatMap(([name, route]) =>
    pairsOf(route.statements, now.routes[name]?.statements ?? []).flatMap((pair) => {
      if (pair.before === undefined || pair.now === undefined) return []
      if (!isSame(pair.before, pair.now)) return []
      const where = `${name}: ${pair.now.summary} by ${pair.now.by}`
      return statementChanges(pair.before, pair.now, { before, now }).map((line) => ({
        line,
        where,
      }))
    }),
  )
  return [...Map.groupBy(changes, ({ line }: Change) => line)].map(
    ([line, all]) => `${line} (${some([...new Set(all.map(({ where }) => where))])})`,
  )
}

function some(all: readonly string[]): string {
  const rest = all.length - mostNamed
  return `${all.slice(0, mostNamed).join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`
}

function statementChanges(
  { plan: was = {} }: StatementContract,
  { plan: is = {} }: StatementContract,
  contracts: { readonly before: DatabaseContract; readonly now: DatabaseContract },
): readonly string[] {
  if (was.unknown !== undefined) return []
  const worse = moreThan(unserved(is), unserved(was))
  const gone = indexesOf(was).flatMap((index) => indexChange(index, contracts, worse))
  if (is.unknown !== undefined) return [...gone, `it has no plan any more: ${is.unknown}`]
  if (gone.length > 0) return gone
  // The planner may look at other tables first. It is no change before more is without an index than was.
  if (unserved(is).length > unserved(was).length)
    return worse.map((each) => `${each}, which no index serves`)
  if (unserved(is).length < unserved(was).length)
    return moreThan(unserved(was), unserved(is)).map((each) => `an index serves now: ${each}`)
  return []
}

/** What has happened to an index that a plan depends on. */
function indexChange(
  index: string,
  { before, now }: { readonly before: DatabaseContract; readonly now: DatabaseContract },
  worse: readonly string[],
): readonly string[] {
  const [was, is] = [before.indexes[index], now.indexes[index]]
  if (is === undefined)
    return [`${index} is gone${worse.length > 0 ? `: ${worse.join(', ')}` : ''}`]
  if (was === undefined || was === is) return []
  return [`${index} has changed: ${was} → ${is}`]
}

/** What PostgreSQL has to do without an index. */
function unserved({ lookups = [], orders = [] }: StatementPlan): readonly string[] {
  return [
    ...lookups
      .filter(({ index }) => index === null)
      .map(({ table, columns }) => `Seq Scan on ${table} filtered by ${columns}`),
    ...orders.filter(({ index }) => index === null).map(({ by }) => `Sort by ${by}`),
  ]
}

function moreThan(some: readonly string[], others: readonly string[]): readonly string[] {
  return some.filter((each) => !others.includes(each))
}
