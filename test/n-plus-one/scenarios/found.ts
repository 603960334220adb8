import type { Database, Finding, Session, SessionOptions } from '../../../orm/index.ts'

/** What a program does in a session. */
export type Work = (session: Session) => Promise<unknown>

/** What is found in a session of a database in which some work is done and rolled back. */
export async function findingsOf(
  database: Database,
  work: Work,
  options: SessionOptions = {},
): Promise<readonly Finding[]> {
  await using session = database.session({ nPlusOne: 'detect', ...options })
  await work(session)
  await session.rollback()
  return session.stats.findings
}

type FindingsOf = (work: Work, options?: SessionOptions) => Promise<readonly Finding[]>

/** {@link findingsOf} of one database. */
export const foundIn =
  (database: Database): FindingsOf =>
  (work, options) =>
    findingsOf(database, work, options)
