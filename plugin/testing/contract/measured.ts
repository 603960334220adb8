import { optionError } from '../../../orm/index.ts'
import type {
  DatabaseContract,
  RouteContract,
  StatementContract,
  StatementPlan,
} from './contract.ts'
import type { Explained } from './explain.ts'
import { fit } from './fit.ts'
import { profileOf } from './profile.ts'
import type { RecordedStatement } from './recorded.ts'
import type { Answer } from './requests.ts'
import { type NameOf, skeletonOf } from './skeleton.ts'

/** What one request sent with one number of rows. */
export interface Measurement extends Answer {
  /** Its place among the requests. */
  readonly place: number
  readonly rows: number
  readonly statements: readonly RecordedStatement[]
}

/** Puts together what was measured. */
export function contractOf(
  measurements: readonly Measurement[],
  explained: Explained,
): DatabaseContract {
  const planOf = plansBy(explained)
  const routes = new Map<string, RouteContract>()
  for (const ofRequest of Map.groupBy(measurements, ({ place }) => place).values()) {
    const names = [...new Set(ofRequest.map(({ route }) => route))]
    const [name = ''] = names
    if (names.length > 1)
      throw optionError(
        `databaseContract() expected one route of a request, got ${names.join(' and ')}; give it a name`,
      )
    if (routes.has(name))
      throw optionError(
        `databaseContract() expected one request of ${name}, got two; give each its own name`,
      )
    routes.set(name, routeOf(ofRequest, planOf))
  }
  const indexes = explained.indexes.flatMap(({ wholeIndex, definition }) =>
    wholeIndex === null || definition === null ? [] : [[wholeIndex, definition] as const],
  )
  return {
    plans: explained.reason ?? 'checked',
    indexes: inOrder(Object.fromEntries(indexes)),
    routes: inOrder(Object.fromEntries(routes)),
  }
}

function routeOf(measurements: readonly Measurement[], planOf: PlanOf): RouteContract {
  const statements = measurements.flatMap((each) => each.statements)
  const sent = statements.filter(({ kind }) => kind !== 'control')
  const kinds = Map.groupBy(sent, keyOf)
  const times = fits(measurements, (each) =>
    tally(each.statements.filter(({ kind }) => kind !== 'control').map(keyOf)),
  )
  return {
    status: [...new Set(measurements.map(({ status }) => status))].join(', '),
    transaction: fits(measurements, (each) => profileOf(each.statements)),
    statements: [...kinds]
      .map(([key, [first]]): StatementContract => {
        const { by, summary, shape, text } = first as RecordedStatement
        const plan = planOf(text)
        return { by, summary, sql: shape, times: times[key] ?? '0', ...(plan && { plan }) }
      })
      .toSorted((one, other) => (keyOfContract(one) < keyOfContract(other) ? -1 : 1)),
  }
}

function keyOf({ summary, shape, by }: RecordedStatement): string {
  return [summary, shape, by].join('\n')
}

function keyOfContract({ summary, sql, by }: StatementContract): string {
  return [summary, sql, by].join('\n')
}

/** How each count grows with the rows. */
function fits(
  measurements: readonly Measurement[],
  countsOf: (measurement: Measurement) => ReadonlyMap<string, number>,
): Readonly<Record<string, string>> {
  const all = measurements.map((each) => ({ rows: each.rows, counts: countsOf(each) }))
  const keys = [...new Set(all.flatMap(({ counts }) => [...counts.keys()]))]
  const lines = keys.map((key) => {
    const points = all.map(({ rows, counts }) => ({ rows, count: counts.get(key) ?? 0 }))
    return [key, fit(points)] as const
  })
  return inOrder(Object.fromEntries(lines))
}

function tally(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

type PlanOf = (text: string) => StatementPlan | undefined

function plansBy({ reason, plans, indexes, references }: Explained): PlanOf {
  const wholes = new Map<string, string>()
  for (const { table, wholeTable, index, wholeIndex } of indexes) {
    wholes.set(table, wholeTable)
    if (index !== null && wholeIndex !== null) wholes.set(index, wholeIndex)
  }
  const nameOf: NameOf = (name) => wholes.get(name) ?? name
  return (text) => {
    if (reason !== undefined) return undefined
    const found = plans.get(text)
    if (found === undefined) return { unknown: 'several statements in one' }
    if (typeof found === 'string') return { unknown: whyUnknown(found) }
    const skeleton = skeletonOf(found, { nameOf, references })
    return Object.keys(skeleton).length === 0 ? undefined : skeleton
  }
}

/** The messages of PostgreSQL are in the language of the server, and may have values. */
function whyUnknown(sqlState: string): string {
  if (sqlState === '42601') return 'not a statement that has a plan'
  return `PostgreSQL refuses to plan it with SQLSTATE ${sqlState}`
}

function inOrder<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  )
}
