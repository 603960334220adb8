import { beforeAll, describe, expect, it } from 'vitest'
import {
  countload,
  type NPlusOneMode,
  selectinload,
  type Session,
  sql,
  undefer,
} from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { statementLog } from '../support/statement-log.ts'
import { Category, fill, magazine, Post, posts, User } from './scenarios/magazine.ts'

const { url, database } = await testDatabase(magazine)

beforeAll(() => fill(database))

/** Some of all that a program can do, and what it gets. */
async function mixed(session: Session): Promise<unknown> {
  const results: unknown[] = []
  const all = await posts(session)
  for (const post of all) results.push(await post.author, (await post.comments).length)
  for (const post of all) {
    results.push(await post.tags.count(), await post.comments.exists())
    results.push(await session.get(User, post.authorId + 5))
    await session.load(post, undefer(Post, 'body'), countload(Post.comments))
  }
  results.push(await Promise.all(all.map(async (post) => (await post.author).company)))
  await session.load(all, selectinload(Post.cover))
  for await (const post of session.find(Post).stream({ batchSize: 2 }))
    results.push(await post.category)
  let category: Category | null = await session.get(Category, 106)
  while (category !== null) category = await category.parent
  for (const { id } of all)
    results.push(await session.execute(sql`select ${id}::int as id from posts where id = ${id}`))
  for (const [index, post] of all.entries()) {
    post.title = `title ${index}`
    await session.flush()
    await session.transaction(async (inner) => {
      const [found] = await inner.find(Post).filter({ title: post.title }).toList()
      results.push(found, await found?.author)
    })
  }
  const created = await session.insertMany(
    Post,
    all.map(({ authorId }) => ({ authorId })),
  )
  for (const post of created) results.push((await post.comments).length)
  results.push(await posts(session).then((list) => list.map((post) => post.toJSON())))
  await session.rollback()
  return JSON.parse(JSON.stringify(results, (key, value) => (key === 'id' ? undefined : value)))
}

describe('the detector', () => {
  it('changes neither results nor statements nor their order, in any mode', async () => {
    await using log = await statementLog(url, { tables: magazine })
    const ran = async (nPlusOne: NPlusOneMode) => {
      let result: unknown
      let findings = 0
      const statements = await log.statementsOf(async () => {
        await using session = log.database.session({ nPlusOne })
        result = await mixed(session)
        findings = session.stats.findings.length
      })
      // Each cursor of the process has a number.
      const texts = statements.map((text) => text.replace(/data_bridge_\d+/, 'cursor'))
      return { program: { result, statements: texts }, findings }
    }
    // Facts of tables are looked up once.
    await ran('off')
    const off = await ran('off')
    expect(off.findings).toBe(0)
    expect(off.program.statements.length).toBeGreaterThan(60)
    for (const mode of ['count', 'detect', 'strict'] as const) {
      const on = await ran(mode)
      expect(on.findings).toBeGreaterThan(0)
      expect(on.program).toEqual(off.program)
    }
  })
})
