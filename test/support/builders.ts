import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { boolean, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import type { Session } from '../../orm/index.ts'

/** The tables of `entities.ts` as Drizzle declares them. */
export const users = pgTable('users', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
  email: text().notNull().unique(),
  age: integer(),
  active: boolean().notNull().default(true),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

interface Tables {
  users: {
    id: Generated<number>
    name: string
    email: string
    age: number | null
    active: Generated<boolean>
    created_at: Generated<Date>
  }
  posts: { id: Generated<number>; title: string; likes: Generated<number>; author_id: number }
}

export function drizzleOf(session: Session): NodePgDatabase {
  return drizzle(session.connection)
}

export function kyselyOf(session: Session): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: session.connection }) })
}

/** The values of a user that needs nothing but a name. */
export const named = (name: string): { name: string; email: string } => ({
  name,
  email: `${name}@example.com`,
})
