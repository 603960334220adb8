import type { Session } from '../../../../orm/index.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { Club, Person } from './people.ts'

/** Ann is in go and judo, bob is in go, and nobody plays rugby. */
export async function fillClubs({ query, truncate }: TestDatabase): Promise<void> {
  await truncate()
  await query(`insert into people (name) values ('ann'), ('bob')`)
  await query(`insert into clubs (name) values ('go'), ('judo'), ('rugby')`)
  await query(`insert into memberships (person_id, club_id) values (1, 1), (1, 2), (2, 1)`)
}

/** The stored links, such as `1-2`. */
export async function membershipsIn({ query }: TestDatabase): Promise<string[]> {
  const rows = await query(`select person_id, club_id from memberships order by person_id, club_id`)
  return rows.map((row) => `${String(row['person_id'])}-${String(row['club_id'])}`)
}

interface All {
  readonly ann: Person
  readonly bob: Person
  readonly go: Club
  readonly judo: Club
  readonly rugby: Club
}

export async function all(session: Session): Promise<All> {
  const [ann, bob] = await session.getMany(Person, [1, 2])
  const [go, judo, rugby] = await session.getMany(Club, [1, 2, 3])
  return { ann, bob, go, judo, rugby } as All
}
