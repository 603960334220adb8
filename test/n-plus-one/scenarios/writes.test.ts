import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { Post, user } from '../../support/entities.ts'
import { type Work } from './found.ts'
import { five, writing } from './writing.ts'

const { database, findingsOf, findingsOfJob } = await writing()

const file = 'test/n-plus-one/scenarios/writes.test.ts'
const lines = readFileSync(file, 'utf8').split('\n')

/** Where a comment of this file stands. */
const lineOf = (mark: string): number => lines.findIndex((line) => line.endsWith(`// ${mark}`)) + 1

const insertUser = (session: Session, index: number): Promise<unknown> =>
  session.execute(sql`insert into users (name, email) values (${'new'}, ${`new${index}`})`) // insert

describe('writes in a loop', () => {
  it('P37 flush per row', async () => {
    const findings = await findingsOf(async (session) => {
      for (const index of five) {
        session.add(user(`new${index}`))
        await session.flush() // flush per row
      }
    })
    expect(findings).toEqual([
      {
        kind: 'n1.write',
        target: 'INSERT users',
        count: 5,
        avoidableQueries: 4,
        confidence: 'likely',
        severity: expect.stringMatching(/^(warn|error)$/),
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: { file, line: lineOf('flush per row'), column: expect.any(Number) },
        sql: expect.stringMatching(/^insert into "users"/),
        fix: 'call session.flush() once, after the loop',
      },
    ])
    expect(findings[0]?.durationMs).toBeGreaterThan(0)
  })

  const perRow: Readonly<Record<string, Work>> = {
    'database.transaction()': async () => {
      for (const index of five)
        await database.transaction(async (session) => session.add(user(`a${index}`)))
    },
    'database.run()': async () => {
      for (const index of five) await database.run((session) => session.add(user(`b${index}`)))
    },
    'commit()': async (session) => {
      for (const index of five) {
        session.add(user(`c${index}`))
        await session.commit()
      }
    },
    'flush() and commit()': async (session) => {
      for (const index of five) {
        session.add(user(`d${index}`))
        await session.flush()
        await session.commit()
      }
    },
    'your own SQL': async () => {
      for (const index of five) await database.run((session) => insertUser(session, index))
    },
    'sessions of your own': async () => {
      for (const index of five) {
        await using session = database.session({ nPlusOne: 'detect' })
        session.add(user(`e${index}`))
        await session.commit()
      }
    },
    'Promise.all': async () => {
      await Promise.all(
        five.map((index) => database.run((session) => session.add(user(`f${index}`)))),
      )
    },
  }

  const transactions = [
    {
      kind: 'n1.write',
      target: 'INSERT users',
      count: 5,
      avoidableQueries: 4,
      confidence: 'likely',
      scope: 'job',
      site: { file },
      fix: expect.stringMatching(/^one transaction for all: /),
    },
  ]

  it('P38 transaction per row', async () => {
    expect(await findingsOfJob(perRow['database.transaction()'] as Work)).toMatchObject(
      transactions,
    )
  })

  it.each(Object.entries(perRow))('are transactions of one row, by %s', async (_name, work) => {
    expect(await findingsOfJob(work)).toMatchObject(transactions)
  })

  it('P38 transaction per row, by session.transaction()', async () => {
    const findings = await findingsOf(async (session) => {
      for (const index of five)
        await session.transaction(async () => {
          // a transaction
          session.add(user(`new${index}`))
          await session.flush()
        })
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.write',
        target: 'INSERT users',
        count: 5,
        site: { line: lineOf('a transaction') - 1 },
      },
    ])
  })

  it('P39 raw INSERT/UPDATE/DELETE loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (const index of five) {
        await insertUser(session, index)
        await session.execute(sql`update users set age = ${index} where id = ${index}`) // update
        await session.execute(sql`delete from posts where id = ${index}`) // delete
      }
    })
    const common = { kind: 'n1.write', count: 5, confidence: 'likely' }
    expect(findings).toMatchObject([
      { ...common, target: 'INSERT users', fix: expect.stringContaining('session.insertMany(') },
      { ...common, target: 'UPDATE users', fix: expect.stringContaining('unnest(') },
      { ...common, target: 'DELETE posts', fix: expect.stringContaining('id = any($1)') },
    ])
    expect(findings.map(({ site }) => site?.line)).toEqual(
      ['insert', 'update', 'delete'].map(lineOf),
    )
  })

  it('P40 autoflush in loop', async () => {
    const findings = await findingsOf(async (session) => {
      const posts = await session.find(Post).limit(5).toList()
      for (const post of posts) {
        post.title = 'changed'
        await session.find(Post).filter({ title: 'changed' }).exists() // autoflush
      }
    })
    const writes = findings.filter(({ kind }) => kind === 'n1.write')
    expect(writes).toMatchObject([
      {
        target: 'UPDATE posts',
        count: 5,
        confidence: 'likely',
        site: { file, line: lineOf('autoflush') },
        fix: expect.stringMatching(/^run the query before the loop/),
      },
    ])
  })
})
