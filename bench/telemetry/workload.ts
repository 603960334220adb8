import type { Context, Span } from '@opentelemetry/api'
import type * as library from '../../orm/index.ts'
import type { AnyEntityClass, Database } from '../../orm/index.ts'
import { queriesPerSession } from './variants.ts'

/** The library, or a copy of it. */
export type Orm = typeof library

/** Declares the table with the given library, because a library knows only its own tables. */
export function benchUser(orm: Orm): BenchUserClass {
  const { boolean, integer, table, text, timestamptz } = orm
  return class BenchUser extends table('bench_users', {
    id: integer().primaryKey().generated(),
    name: text(),
    email: text(),
    passwordHash: text().nullable().hidden(),
    age: integer().nullable(),
    active: boolean().default(true),
    createdAt: timestamptz().defaultNow(),
  }) {}
}

/** The class, no matter which library created it. */
type BenchUserClass = AnyEntityClass & (new (values: BenchUserValues) => object)

interface BenchUserValues {
  readonly name: string
  readonly email: string
  readonly age?: number
}

/** The request that a session belongs to. */
export interface RequestScope {
  readonly context: Context
  readonly span: Span
}

/** Does the work of a request: reads rows by their keys, one query each, and commits like the plugin. */
export async function serveRequest(
  { Session }: Orm,
  database: Database,
  entity: AnyEntityClass,
  trace: RequestScope,
  around: Around,
): Promise<void> {
  const session = new Session(database, {}, { trace }).manage()
  for (let key = 1; key <= queriesPerSession; key += 1) {
    const end = around?.()
    const found = (await session.get(entity, key)) as { readonly id: number } | null
    end?.()
    if (found?.id !== key) throw new Error(`expected the row ${key}, got ${String(found?.id)}`)
  }
  await session.commit()
  await session.discard()
}

/** Called before each query. The function that it returns is called after the query. */
export type Around = (() => () => void) | undefined
