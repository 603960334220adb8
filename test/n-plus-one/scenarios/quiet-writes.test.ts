import { describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { named } from '../../support/builders.ts'
import { connect } from '../../support/database.ts'
import { Comment, Post, User, user } from '../../support/entities.ts'
import { type Work } from './found.ts'
import { five, Page, writing } from './writing.ts'

const { database, query, truncate, url, findingsOf, findingsOfJob } = await writing()

const insertUser = (session: Session, index: number): Promise<unknown> =>
  session.execute(sql`insert into users (name, email) values (${'new'}, ${`new${index}`})`)

describe('no finding', () => {
  /** Another transaction changes a row, so that PostgreSQL refuses to change it in an older snapshot. */
  async function changeBeside(): Promise<void> {
    await query('update users set age = coalesce(age, 0) + 1 where id = 1')
  }

  it('N25 tx retry after 40001', async () => {
    const work = (rows: readonly number[], refusals: number) => async (session: Session) => {
      let attempts = 0
      await session.transaction(
        async () => {
          attempts += 1
          for (const index of rows) await insertUser(session, index)
          if (attempts <= refusals) await changeBeside()
          await session.execute(sql`update users set active = false where id = 1`)
        },
        { isolation: 'repeatable read', retries: 5 },
      )
      expect(attempts).toBe(refusals + 1)
    }
    expect(await findingsOf(work([1, 2], 3))).toEqual([])
    await truncate()
    await query(`insert into users (name, email) values ('old', 'old')`)
    expect(await findingsOf(work(five, 2))).toMatchObject([{ target: 'INSERT users', count: 5 }])
  })

  it('N25 tx retry by the program, and of a stale version', async () => {
    const byHand = await findingsOfJob(async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await database.transaction(
            async (session) => {
              await insertUser(session, 1)
              if (attempt < 5) await changeBeside()
              await session.execute(sql`update users set active = false where id = 1`)
            },
            { isolation: 'repeatable read' },
          )
          return
        } catch (error) {
          if (attempt >= 5) throw error
        }
      }
    })
    expect(byHand).toEqual([])
    await database.run((session) => session.add(new Page({ id: 1, title: 'first' })))
    let attempts = 0
    const stale = await findingsOf(async (session) => {
      await session.transaction(
        async () => {
          attempts += 1
          const page = await session.get(Page, 1)
          for (const index of five) await insertUser(session, 100 + index)
          if (attempts === 1) await query('update pages set version = version + 1')
          if (page !== null) page.title = 'second'
        },
        { retries: 1 },
      )
    })
    expect(attempts).toBe(2)
    expect(stale).toMatchObject([{ target: 'INSERT users', count: 5 }])
  })

  it('N29 BEGIN/COMMIT/SAVEPOINT/SET LOCAL', async () => {
    const findings = await findingsOfJob(async (session) => {
      for (let index = 0; index < 20; index += 1) {
        await session.transaction(() => undefined)
        await session.execute(sql`set local work_mem = '8MB'`)
        await session.execute(sql`savepoint mine`)
        await database.transaction((inner) => inner.execute(sql`set local work_mem = '8MB'`))
        await database.transaction(() => undefined)
        await session.advisoryLock(`lock${index}`)
      }
    })
    expect(findings).toEqual([])
  })

  it('N30 one flush, many statements', async () => {
    const findings = await findingsOf(async (session) => {
      const posts = await session.find(Post).toList()
      posts.forEach((post, index) => {
        if (index % 2 === 0) post.title = `changed${index}`
        if (index % 3 === 0) post.likes = index
      })
      for (const index of five) {
        const post = new Post({ title: 'new', author: user(`new${index}`) })
        session.add(post, new Comment({ body: 'new', post }))
      }
      session.delete(posts.slice(0, 5))
      await session.commit()
    })
    expect(findings).toEqual([])
  })

  const chunks = Array.from({ length: 10 }, (_, chunk) =>
    Array.from({ length: 100 }, (__, index) => named(`new${chunk}-${index}`)),
  )
  const batches: Readonly<Record<string, Work>> = {
    'insertMany()': async (session) => {
      for (const chunk of chunks) await session.insertMany(User, chunk)
    },
    'flush()': async (session) => {
      for (const chunk of chunks) {
        session.add(chunk.map((values) => new User(values)))
        await session.flush()
      }
    },
    'copy()': async (session) => {
      for (const chunk of chunks) await session.copy(User, chunk)
    },
    'your own VALUES': async (session) => {
      for (const [one, two] of chunks)
        await session.execute(
          sql`insert into users (name, email) values (lower(${one?.name}), ${one?.email}), (${two?.name}, ${two?.email})`,
        )
    },
    unnest: async (session) => {
      for (const chunk of chunks)
        await session.execute(
          sql`insert into users (name, email) select each, each from unnest(${chunk.map(({ name }) => name)}::text[]) each`,
        )
    },
    'an UPDATE of many rows': async (session) => {
      for (const age of five) await session.find(User).all().update({ age })
    },
    'lists of keys': async (session) => {
      for (const id of five)
        await session
          .find(User)
          .filter((each) => each.id.in([id, id + 5]))
          .update({ age: 1 })
    },
  }

  it('N31 bulk insert of 1 000 rows in chunks', async () => {
    expect(await findingsOf(batches['insertMany()'] as Work)).toEqual([])
    const committed = await findingsOfJob(async () => {
      for (const chunk of chunks) await database.run((session) => session.insertMany(User, chunk))
    })
    expect(committed).toEqual([])
  })

  it.each(Object.entries(batches))('of batches: %s', async (_name, work) => {
    expect(await findingsOf(work)).toEqual([])
  })

  const others: Readonly<Record<string, Work>> = {
    'lines of their own': async (session) => {
      await insertUser(session, 1)
      await insertUser(session, 2)
      await insertUser(session, 3)
      await insertUser(session, 4)
    },
    'the same values again': async (session) => {
      for (const _ of five) await session.execute(sql`update users set age = ${1} where id = ${1}`)
    },
    'flushes of nothing': async (session) => {
      for (const _ of five) await session.flush()
    },
    'statements that fail': async (session) => {
      for (const index of five)
        await session
          .execute(sql`insert into users (name, email, nothing) values ('a', ${`b${index}`}, 1)`)
          .catch(() => undefined)
    },
    'larger transactions': async (session) => {
      for (const index of five) {
        await insertUser(session, index)
        await session.find(User).count()
        await session.execute(sql`update posts set likes = likes + 1 where id = ${1}`)
        await session.execute(sql`select count(*) from posts`)
        await session.commit()
      }
    },
    'pages that a query flushes': async (session) => {
      for (let offset = 0; offset < 30; offset += 10) {
        const page = await session
          .find(Post)
          .orderBy((post) => post.id.asc())
          .offset(offset)
          .limit(10)
          .toList()
        for (const post of page) post.likes += 1
      }
    },
  }

  it.each(Object.entries(others))('of %s', async (_name, work) => {
    const findings = await findingsOf(work)
    expect(findings.filter(({ kind }) => kind === 'n1.write')).toEqual([])
  })

  it('of transactions of others', async () => {
    const findings = await Promise.all(
      five.map((index) => findingsOfJob((session) => insertUser(session, index))),
    )
    expect(findings.flat()).toEqual([])
  })

  it('after the connection was lost', async () => {
    await using killer = await connect(url)
    const findings = await findingsOf(async (session) => {
      for (const index of five) {
        const [row] = await session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
        await insertUser(session, index)
        await killer.query('select pg_terminate_backend($1)', [row?.pid])
        await session.flush()
        await expect(session.execute(sql`select 1`)).rejects.toThrow('the connection was lost')
        await session.rollback()
      }
    })
    expect(findings).toEqual([])
  })
})
