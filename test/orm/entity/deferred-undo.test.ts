import { beforeEach, describe, expect, it } from 'vitest'
import { sql, undefer } from '../../../orm/index.ts'
import { Article, articlesIn, deferredIn, press, pressRows } from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { writesOf } from '../../support/writes.ts'

const { database, query, truncate, url } = await testDatabase([...press])

beforeEach(async () => {
  await truncate()
  await query(pressRows)
})

describe('an entity that was let go', () => {
  it('and is added again is unchanged', async () => {
    const texts = await writesOf(url, async (session) => {
      const [first, second] = await articlesIn(session)
      await session.find(Article).options(undefer(Article, 'body')).filter({ id: 2 }).one()
      await session.rollback()
      session.add(first!, second!)
      await session.flush()
      second!.body = 'set'
    })
    expect(texts).toHaveLength(1)
    expect(await query('select body from articles order by id limit 2')).toEqual([
      { body: 'body 1' },
      { body: 'set' },
    ])
  })

  it('cannot be stored again without its deferred columns', async () => {
    await using session = database.session()
    const article = (await session.get(Article, 3))!
    session.delete(article)
    await session.flush()
    session.add(article)
    await expect(session.flush()).rejects.toThrow(
      coded(
        'DATA_BRIDGE_ERR_TYPE',
        'Article.body expected a string, got undefined; it is deferred',
      ),
    )
  })
})

describe('a savepoint that is rolled back', () => {
  const undone = new Error('undone')

  it('leaves what was read in it unchanged', async () => {
    const texts = await writesOf(url, async (session) => {
      const [first, second] = await articlesIn(session)
      const inner = session.transaction(async () =>
        session
          .transaction(async () => {
            first!.title = 'undone'
            await session.flush()
            await session.find(Article).options(undefer(Article, 'body')).toList()
            throw undone
          })
          .catch(() => undefined),
      )
      await inner
      expect(second!.body).toBe('body 2')
      session.add(first!)
      expect(first!.body).toBe('body 1')
    })
    expect(texts.flatMap(deferredIn)).toEqual([])
  })

  it('makes a change of what was written in it', async () => {
    const texts = await writesOf(url, async (session) => {
      const [first] = await articlesIn(session)
      await session.transaction(async () => {
        await session
          .transaction(async () => {
            first!.body = 'undone'
            await session.flush()
            throw undone
          })
          .catch(() => undefined)
      })
      session.add(first!)
    })
    expect(texts.map(deferredIn)).toEqual([['"body"'], ['"body"']])
    expect(await query('select body from articles where id = 1')).toEqual([{ body: 'undone' }])
  })

  it('lets go of entities that read a value after your own SQL', async () => {
    await using session = database.session()
    const article = (await session.get(Article, 1))!
    await session.transaction(async () => {
      await session
        .transaction(async () => {
          await session.execute(sql`update articles set body = 'undone'`)
          await session.find(Article).options(undefer(Article, 'body')).filter({ id: 1 }).one()
          throw undone
        })
        .catch(() => undefined)
    })
    const again = await session
      .find(Article)
      .options(undefer(Article, 'body'))
      .filter({ id: 1 })
      .one()
    expect(again).not.toBe(article)
    expect(again.body).toBe('body 1')
  })
})
