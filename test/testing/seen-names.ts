import type { Database } from '../../orm/index.ts'
import { User } from '../support/entities.ts'

/** The names of the users that a session sees. */
export const seenNames = (database: Database): Promise<string[]> =>
  database.run(async (session) => {
    const users = await session.find(User).toList()
    return users.map(({ name }) => name).toSorted()
  })
