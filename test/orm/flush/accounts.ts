import { integer, type Session, table, text } from '../../../orm/index.ts'
import type { TestDatabase } from '../../support/database.ts'

export class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text(),
  balance: integer().default(0),
  version: integer().version(),
}) {}

export function readAll(session: Session): Promise<Account[]> {
  return session
    .find(Account)
    .orderBy((account) => account.id.asc())
    .toList()
}

/** What is done to the accounts of a database by others. */
export function accountsIn({ query }: TestDatabase) {
  return {
    /** The stored rows. */
    rows: (name = 'accounts') => query(`select * from ${name} order by 1, 2`),
    /** Others change a row. */
    changed: (where = 'id = 1', name = 'accounts') =>
      query(`update ${name} set version = version + 1, balance = 77 where ${where}`),
    /** Others insert a1, a2 and so on. */
    async accounts(count: number): Promise<void> {
      await query(`insert into accounts (name) select 'a' || no from generate_series(1, $1) no`, [
        count,
      ])
    },
  }
}
