import { citext, integer, table, text, timestamptz } from '../../../orm/index.ts'

/** What `onUpdate()` counts. */
export const clock = { ticks: 0 }

export class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  code: citext().unique(),
  name: text(),
  secret: text().nullable().deferred(),
  changedAt: timestamptz().onUpdate(() => new Date((clock.ticks += 1000))),
  touched: integer()
    .default(0)
    .onUpdate(() => clock.ticks),
  version: integer().version(),
}) {}

export const byCode = { on: ['code'], update: ['name'] } as const
