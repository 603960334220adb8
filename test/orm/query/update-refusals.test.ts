import { describe, expect, it } from 'vitest'
import {
  and,
  avg,
  count,
  type RefsOf,
  selectinload,
  type Session,
  sql,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database } = await testDatabase([...blog])

describe('a write by a query is refused', () => {
  /** The error of some work, which has sent nothing. */
  const refusal = async (work: (session: Session) => Promise<unknown>): Promise<unknown> => {
    await using session = database.session()
    try {
      return new Error(`expected a refusal, got ${JSON.stringify(await work(session))}`)
    } catch (error) {
      return session.stats.queryCount === 0 ? error : new Error('a statement was sent')
    }
  }

  it('without a filter', async () => {
    const message =
      'expected a filter, got none, so it would write every row: call filter(), or all()'
    expect(await refusal((session) => session.find(User).update({ age: 1 }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', `find(User).update() ${message}`),
    )
    expect(await refusal((session) => session.find(User).delete())).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', `find(User).delete() ${message}`),
    )
    expect(await refusal((session) => session.find(User).filter({}).delete())).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', message),
    )
    expect(
      await refusal((session) =>
        session
          .find(User)
          .filter(() => and())
          .delete(),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', message))
    expect(
      await refusal((session) =>
        session
          .find(User)
          .filter(() => and(and(), and()))
          .delete(),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', message))
    expect(
      await refusal((session) =>
        session
          .find(User)
          .orderBy((row) => row.id.asc())
          .limit(1)
          .delete(),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', message))
    const unset = { id: undefined } as never
    expect(await refusal((session) => session.find(User).filter(unset).delete())).toEqual(
      coded('DATA_BRIDGE_ERR_FILTER', 'got undefined'),
    )
  })

  it('with changes that are none', async () => {
    const update = (changes: unknown) => (session: Session) =>
      session
        .find(Post)
        .all()
        .update(changes as never)
    expect(await refusal(update({}))).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'got an empty object'))
    expect(await refusal(update(() => ({})))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got an empty object'),
    )
    expect(await refusal(update(null))).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'got null'))
    expect(await refusal(update([]))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'expected { column: value }'),
    )
    expect(await refusal(update(new Date()))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'expected { column: value }'),
    )
    expect(await refusal(update((row: unknown) => row))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got a row of Post'),
    )
    expect(await refusal(update({ nope: 1 }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'Post has no column nope; it has id, title'),
    )
    expect(await refusal(update({ author: 1 }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got the relation author: set authorId'),
    )
    expect(await refusal(update({ comments: [] }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got the relation comments: set postId of Comment'),
    )
    expect(await refusal(update({ id: 1 }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'Post.id is the primary key'),
    )
    expect(await refusal(update({ likes: undefined }))).toEqual(
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        'Post.likes expected a value, an expression, or null, got undefined',
      ),
    )
    expect(
      await refusal(update((row: { likes: { asc(): unknown } }) => ({ likes: row.likes.asc() }))),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'got an order'))
    expect(await refusal(update((row: { author: unknown }) => ({ likes: row.author })))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got a row of User'),
    )
    expect(await refusal(update(() => ({ likes: avg(sql`1`) })))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got an aggregate'),
    )
  })

  it('with values that the column cannot hold', async () => {
    const update = (changes: unknown) => (session: Session) =>
      session
        .find(User)
        .all()
        .update(changes as never)
    expect(await refusal(update({ age: '1' }))).toEqual(
      coded('DATA_BRIDGE_ERR_TYPE', 'User.age expected a number, or null'),
    )
    expect(await refusal(update({ age: 1.5 }))).toEqual(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'User.age expected an integer'),
    )
    expect(await refusal(update({ name: null }))).toEqual(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'User.name expected'),
    )
    expect(await refusal(update({ passwordHash: 5 }))).toEqual(
      coded('DATA_BRIDGE_ERR_TYPE', 'hidden'),
    )
  })

  it('with parts of a query that it would ignore', async () => {
    const all = (session: Session) => session.find(User).all()
    expect(
      await refusal((session) =>
        all(session)
          .groupBy((row) => row.age)
          .update({ age: 1 }),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'groupBy() cannot be used with update()'))
    expect(
      await refusal((session) =>
        all(session)
          .having(() => count().gt(1))
          .delete(),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'having() cannot be used with delete()'))
    expect(
      await refusal((session) => all(session).options(selectinload(User.posts)).delete()),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'options() cannot be used with delete()'))
    expect(await refusal((session) => all(session).lazy('peers').delete())).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'lazy() cannot be used with delete()'),
    )
    expect(await refusal((session) => all(session).forShare().delete())).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'forShare() cannot be used with delete()'),
    )
    const ofAuthors = { of: (post: RefsOf<typeof Post>) => post.author }
    expect(
      await refusal((session) => session.find(Post).all().forUpdate(ofAuthors).delete()),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'its option of leaves out the rows that are written'))
    expect(
      await refusal((session) =>
        all(session)
          .orderBy(() => count().asc())
          .delete(),
      ),
    ).toEqual(coded('DATA_BRIDGE_ERR_QUERY', 'got an aggregate'))
  })

  it('with other options', async () => {
    const remove = (options: unknown) => (session: Session) =>
      session
        .find(User)
        .all()
        .delete(options as never)
    expect(await refusal(remove({ return: 1 }))).toEqual(
      coded('DATA_BRIDGE_ERR_OPTION', 'has no option return'),
    )
    expect(await refusal(remove(true))).toEqual(
      coded('DATA_BRIDGE_ERR_OPTION', 'expected options such as'),
    )
    expect(await refusal(remove({ returning: 'id' }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'expected a callback'),
    )
    expect(await refusal(remove({ returning: () => ({}) }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got none'),
    )
    expect(await refusal(remove({ returning: () => ({ n: count() }) }))).toEqual(
      coded('DATA_BRIDGE_ERR_QUERY', 'got an aggregate'),
    )
  })

  it('in a session that only reads', async () => {
    await using session = database.session({ readOnly: true })
    const refused = coded(
      'DATA_BRIDGE_ERR_QUERY',
      'find(User).update() expected a session that may write',
    )
    await expect(session.find(User).all().update({ age: 1 })).rejects.toThrow(refused)
    await expect(session.find(User).all().delete()).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY'))
    const reading = database.transaction((tx) => tx.find(User).all().delete(), { readOnly: true })
    await expect(reading).rejects.toThrow(expect.objectContaining({ sqlState: '25006' }))
  })

  it('in a session that has ended', async () => {
    const session = database.session()
    await session.close()
    expect(() => session.find(User)).toThrow(coded('DATA_BRIDGE_ERR_SESSION_CLOSED'))
    const open = database.session()
    const all = open.find(User).all()
    await open.close()
    await failure('DATA_BRIDGE_ERR_SESSION_CLOSED', all.delete())
  })
})
