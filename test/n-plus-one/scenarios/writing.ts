import { beforeEach } from 'vitest'
import {
  type Database,
  type Finding,
  integer,
  type SessionOptions,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { foundIn, type Work } from './found.ts'

export class Page extends table('pages', {
  id: integer().primaryKey(),
  title: text(),
  version: integer().version(),
}) {}

export const five = [1, 2, 3, 4, 5]

/** A database with 30 users and posts, anew for each test, and what is found in work on it. */
interface Writing extends TestDatabase {
  /** In one session, which is rolled back. */
  findingsOf(work: Work, options?: SessionOptions): Promise<readonly Finding[]>
  /** In all sessions of a job. */
  findingsOfJob(work: Work, options?: SessionOptions): Promise<readonly Finding[]>
}

export async function writing(): Promise<Writing> {
  const tested = await testDatabase([...blog, Page])
  const { database, query, truncate } = tested
  beforeEach(async () => {
    await truncate()
    await query(
      `insert into users (name, email) select 'old' || n, 'old' || n from generate_series(1, 30) n`,
    )
    await query(
      `insert into posts (title, author_id) select 'old' || n, n from generate_series(1, 30) n`,
    )
  })
  return {
    ...tested,
    findingsOf: foundIn(database),
    findingsOfJob: (work, options) => findingsOfJob(database, work, options),
  }
}

async function findingsOfJob(
  database: Database,
  work: Work,
  options?: SessionOptions,
): Promise<readonly Finding[]> {
  const stats = await database.scope(
    'job',
    async (session) => {
      await work(session)
      return session.stats
    },
    { nPlusOne: 'detect', ...options },
  )
  return stats.findings
}
