import { describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { drizzleOf, kyselyOf, named, users } from '../../support/builders.ts'
import { Post, User, user } from '../../support/entities.ts'
import { type Work } from './found.ts'
import { five, writing } from './writing.ts'

const { database, query, findingsOf, findingsOfJob } = await writing()

const insertUser = (session: Session, index: number): Promise<unknown> =>
  session.execute(sql`insert into users (name, email) values (${'new'}, ${`new${index}`})`)

describe('writes in a loop', () => {
  const spellings: Readonly<Record<string, readonly [target: string, fix: string, work: Work]>> = {
    'insertMany() of one row': [
      'INSERT users',
      'session.insertMany(User, rows)',
      async (session) => {
        for (const index of five) await session.insertMany(User, [named(`a${index}`)])
      },
    ],
    'insertMany() of one row, with a conflict': [
      'INSERT users',
      'session.insertMany(User, rows)',
      async (session) => {
        const onConflict = { on: ['email'], update: ['name'] } as const
        for (const index of five)
          await session.insertMany(User, [named(`b${index}`)], { onConflict })
      },
    ],
    'upsert()': [
      'INSERT users',
      'session.insertMany(User, rows, { onConflict: ',
      async (session) => {
        for (const index of five)
          await session.upsert(User, named(`c${index}`), { on: ['email'], update: ['name'] })
      },
    ],
    'update()': [
      'UPDATE users',
      'session.find(User).filter((row) => row.id.in(ids)).update(',
      async (session) => {
        for (const id of five) await session.find(User).filter({ id }).update({ age: 1 })
      },
    ],
    'delete()': [
      'DELETE posts',
      'session.find(Post).filter((row) => row.id.in(ids)).delete()',
      async (session) => {
        for (const id of five) await session.find(Post).filter({ id }).delete()
      },
    ],
    Kysely: [
      'UPDATE users',
      'one statement for all rows: ',
      async (session) => {
        for (const id of five)
          await kyselyOf(session)
            .updateTable('users')
            .set({ age: 1 })
            .where('id', '=', id)
            .execute()
      },
    ],
    Drizzle: [
      'INSERT users',
      'session.insertMany(Entity, rows)',
      async (session) => {
        for (const index of five)
          await drizzleOf(session)
            .insert(users)
            .values(named(`d${index}`))
            .execute()
      },
    ],
    'WITH, and a comment': [
      'DELETE posts',
      'one statement for all rows: ',
      async (session) => {
        for (const id of five)
          await session.execute(
            sql`/* old */ with gone as (select ${id}::int as id) delete from "posts" using gone where posts.id = gone.id`,
          )
      },
    ],
    'MERGE, in a schema': [
      'MERGE public.posts',
      'one statement for all rows: ',
      async (session) => {
        for (const id of five)
          await session.execute(
            sql`merge into public.posts using (select ${id}::int as id) given on posts.id = given.id when matched then delete`,
          )
      },
    ],
    'Promise.all': [
      'INSERT users',
      'session.insertMany(Entity, rows)',
      (session) => Promise.all(five.map((index) => insertUser(session, index))),
    ],
    'for await over a stream': [
      'UPDATE users',
      'one statement for all rows: ',
      async (session) => {
        for await (const post of session.find(Post).limit(5).stream({ batchSize: 2 }))
          await session.execute(sql`update users set age = 1 where id = ${post.authorId}`)
      },
    ],
    recursion: [
      'INSERT users',
      'session.insertMany(Entity, rows)',
      async (session) => {
        const insert = async ([index, ...others]: readonly number[]): Promise<void> => {
          if (index === undefined) return
          await insertUser(session, index)
          await insert(others)
        }
        await insert(five)
      },
    ],
    'a chain of promises': [
      'INSERT users',
      'session.insertMany(Entity, rows)',
      (session) =>
        five.reduce(async (before, index) => {
          await before
          await insertUser(session, index)
        }, Promise.resolve()),
    ],
    while: [
      'UPDATE users',
      'one statement for all rows: ',
      async (session) => {
        const ids = [...five]
        for (let id = ids.pop(); id !== undefined; id = ids.pop())
          await session.execute(sql`update users set age = 1 where id = ${id}`)
      },
    ],
  }

  it.each(Object.entries(spellings))('are found of %s', async (_name, [target, fix, work]) => {
    const findings = await findingsOf(work)
    expect(findings).toMatchObject([{ kind: 'n1.write', target, count: 5 }])
    expect(findings[0]?.fix).toContain(fix)
  })

  it('are found from twice as many on where nothing tells the loop', async () => {
    const builder = (rows: number) => async (session: Session) => {
      // It sends in `then()`, which has no function of the program above it.
      for (let index = 0; index < rows; index += 1)
        await drizzleOf(session)
          .insert(users)
          .values(named(`new${index}`))
    }
    expect(await findingsOf(builder(5))).toEqual([])
    expect(await findingsOf(builder(6))).toMatchObject([
      { target: 'INSERT users', count: 6, confidence: 'possible' },
    ])
  })

  it('are found from three on, and with the threshold of the option', async () => {
    const write = (rows: number) => async (session: Session) => {
      for (let index = 0; index < rows; index += 1) await insertUser(session, index)
    }
    expect(await findingsOf(write(2))).toEqual([])
    expect(await findingsOf(write(3))).toMatchObject([{ count: 3 }])
    expect(await findingsOf(write(10))).toMatchObject([{ count: 10, severity: 'error' }])
  })

  it('are counted together in several transactions, and once for each loop', async () => {
    const findings = await findingsOfJob(async () => {
      for (const order of [1, 2])
        await database.run(async (session) => {
          for (const line of five) await insertUser(session, order * 10 + line)
          for (const line of five) await insertUser(session, order * 10 + line + 5)
        })
    })
    expect(findings).toMatchObject([
      { target: 'INSERT users', count: 10 },
      { target: 'INSERT users', count: 10 },
    ])
  })

  it('are told as what may be meant where savepoints or conflicts are the reason', async () => {
    const savepoints = await findingsOfJob(async (session) => {
      for (const index of five)
        await session.transaction(async () => session.add(user(`a${index}`))).catch(() => undefined)
    })
    expect(savepoints).toMatchObject([
      { kind: 'n1.write', target: 'INSERT users', count: 5, severity: 'info' },
    ])
    const conflicts = await findingsOfJob(async () => {
      for (const index of five)
        await database.run((session) =>
          session.upsert(User, named(`b${index}`), { on: ['email'], update: ['name'] }),
        )
    })
    expect(conflicts).toMatchObject([{ target: 'INSERT users', count: 5, severity: 'info' }])
  })

  it('are counted in the mode count, from five on', async () => {
    const options = { nPlusOne: 'count' } as const
    const flushes = (rows: number) => async (session: Session) => {
      for (let index = 0; index < rows; index += 1) {
        session.add(user(`new${index}`))
        await session.flush()
      }
    }
    const writes = (rows: number) => async (session: Session) => {
      for (let index = 0; index < rows; index += 1) await insertUser(session, index)
    }
    const commits = (rows: number) => async () => {
      for (let index = 0; index < rows; index += 1)
        await database.run((session) => insertUser(session, index), options)
    }
    const found = [{ kind: 'n1.write', target: 'INSERT users', count: 5 }]
    for (const work of [flushes, writes]) {
      expect(await findingsOf(work(4), options)).toEqual([])
      expect(await findingsOf(work(5), options)).toMatchObject(found)
    }
    expect(await findingsOfJob(commits(4), options)).toEqual([])
    await query(`delete from users where email like 'new%'`)
    expect(await findingsOfJob(commits(5), options)).toMatchObject(found)
    await query(`delete from users where email like 'new%'`)
    expect(await findingsOf(writes(20), { nPlusOne: 'off' })).toEqual([])
  })
})
