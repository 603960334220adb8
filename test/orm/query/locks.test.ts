import { beforeEach, describe, expect, it } from 'vitest'
import { count, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase([...blog])

beforeEach(async () => {
  await truncate()
  await database.run((session) => {
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => user(name, { age: 1 }))
    session.add([ann, bob, cid].map((author) => new Post({ title: 'T', author: author as User })))
  })
})

const all = (session: Session) => session.find(User).orderBy((row) => row.id.asc())
const named = (session: Session, name: string) => session.find(User).filter({ name })
const names = (users: readonly User[]) => users.map(({ name }) => name)

async function waitsForLock(): Promise<void> {
  await expect
    .poll(() =>
      query(
        `select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      ),
    )
    .toHaveLength(1)
}

describe('two sessions', () => {
  it('take turns: the second waits, and reads what the first one committed', async () => {
    await using first = database.session()
    await using second = database.session()
    const mine = await named(first, 'ann').forUpdate().one()
    const waiting = named(second, 'ann').forUpdate().one()
    await waitsForLock()
    mine.age = 2
    await first.commit()
    const theirs = await waiting
    expect(theirs.age).toBe(2)
    theirs.age = (theirs.age ?? 0) + 1
    await second.commit()
    expect(await query(`select age from users where name = 'ann'`)).toEqual([{ age: 3 }])
  })

  it('wait for a change that the other one has not committed', async () => {
    await using first = database.session()
    await using second = database.session()
    ;(await named(first, 'ann').one()).age = 2
    await first.flush()
    const waiting = named(second, 'ann').forUpdate().one()
    await waitsForLock()
    await first.rollback()
    expect((await waiting).age).toBe(1)
  })

  it('share rows that both lock with forShare, and keep others from changing them', async () => {
    await using first = database.session()
    await using second = database.session()
    const shared = await named(first, 'ann').forShare().one()
    expect(names(await all(second).forShare().toList())).toEqual(['ann', 'bob', 'cid'])
    await second.commit()
    const changing = database.run(async (session) => {
      ;(await named(session, 'ann').one()).age = 5
    })
    await waitsForLock()
    expect(shared.age).toBe(1)
    await first.commit()
    await changing
    expect(await query(`select age from users where name = 'ann'`)).toEqual([{ age: 5 }])
  })

  it('leave out locked rows with skipLocked, so that each takes other ones', async () => {
    await using first = database.session()
    await using second = database.session()
    await using third = database.session()
    const next = (session: Session) => all(session).forUpdate({ skipLocked: true })
    expect((await next(first).first())?.name).toBe('ann')
    expect((await next(second).first())?.name).toBe('bob')
    expect(names(await next(third).limit(5).toList())).toEqual(['cid'])
    await first.rollback()
    expect(names(await next(second).toList())).toEqual(['ann', 'bob'])
  })

  it('fail at once with noWait, as the code and the state say', async () => {
    await using first = database.session()
    await using second = database.session()
    await named(first, 'bob').forUpdate().one()
    expect((await named(second, 'ann').forUpdate({ noWait: true }).one()).name).toBe('ann')
    const error = await failure(
      'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT',
      all(second).forShare({ noWait: true }).toList(),
    )
    expect(error).toMatchObject({ sqlState: '55P03', statusCode: 504 })
    // PostgreSQL takes nothing more in this transaction.
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', second.commit())
  })

  it('fail with noWait inside a savepoint, and the transaction goes on', async () => {
    await using first = database.session()
    await named(first, 'bob').forUpdate().one()
    await database.transaction(async (session) => {
      const tried = session.transaction(() => all(session).forUpdate({ noWait: true }).toList())
      await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', tried)
      ;(await named(session, 'ann').forUpdate({ noWait: true }).one()).age = 9
    })
    expect(await query(`select age from users where name = 'ann'`)).toEqual([{ age: 9 }])
  })

  it('lock only the rows of the query, not those of joins, loaders and further pages', async () => {
    await using first = database.session()
    await using second = database.session()
    const posts = await first
      .find(Post)
      .filter((post) => post.author.name.ne('cid'))
      .orderBy((post) => post.author.name.desc())
      .options(selectinload(Post.author))
      .limit(1)
      .forUpdate()
      .toList()
    expect(posts.map(({ author }) => author.value.name)).toEqual(['bob'])
    const freeUsers = await all(second).forUpdate({ skipLocked: true }).toList()
    expect(names(freeUsers)).toEqual(['ann', 'bob', 'cid'])
    const freePosts = await second.find(Post).forUpdate({ skipLocked: true }).toList()
    expect(freePosts.map(({ authorId }) => authorId).toSorted((a, b) => a - b)).toEqual([1, 3])
  })

  it('lock rows of which values are selected', async () => {
    await using first = database.session()
    await using second = database.session()
    const rows = await all(first)
      .forUpdate()
      .select((row) => ({ name: row.name, posts: row.posts.count() }))
      .limit(2)
      .toList()
    expect(rows).toEqual([
      { name: 'ann', posts: 1 },
      { name: 'bob', posts: 1 },
    ])
    expect(names(await all(second).forUpdate({ skipLocked: true }).toList())).toEqual(['cid'])
  })
})

describe('an entity that the session holds', () => {
  const raise = () => query(`update users set age = 7, email = 'new' where name = 'ann'`)

  it('takes the values of the locked row, and stays the same entity', async () => {
    await using session = database.session()
    const ann = await named(session, 'ann').one()
    await raise()
    expect((await named(session, 'ann').one()).age).toBe(1)
    expect(await named(session, 'ann').forUpdate().first()).toBe(ann)
    expect(ann).toMatchObject({ age: 7, email: 'new' })
    expect(session.hasUnsaved).toBe(false)
    ann.age = (ann.age ?? 0) + 1
    await session.commit()
    expect(await query(`select age, email from users where name = 'ann'`)).toEqual([
      { age: 8, email: 'new' },
    ])
  })

  it('keeps what the program changed while the query was under way, and saves it', async () => {
    await using first = database.session()
    await using second = database.session()
    const ann = await named(second, 'ann').one()
    const locked = await named(first, 'ann').forUpdate().one()
    const waiting = named(second, 'ann').forUpdate().one()
    await waitsForLock()
    ann.age = 3
    Object.assign(locked, { age: 2, email: 'newer' })
    await first.commit()
    expect(await waiting).toBe(ann)
    expect(ann).toMatchObject({ age: 3, email: 'newer' })
    expect(second.hasUnsaved).toBe(true)
    await second.commit()
    expect(await query(`select age, email from users where name = 'ann'`)).toEqual([
      { age: 3, email: 'newer' },
    ])
  })

  it('loads a relation again whose foreign key has changed, and keeps other ones', async () => {
    await using session = database.session()
    const post = await session.find(Post).options(selectinload(Post.author)).first()
    if (post === null) throw new Error('expected a post')
    const comments = await post.comments
    await query('update posts set author_id = 3 where id = $1', [post.id])
    await session.find(Post).filter({ id: post.id }).forShare().one()
    expect(post.author.isLoaded).toBe(false)
    expect((await post.author).name).toBe('cid')
    expect(post.comments.value).toBe(comments)
  })

  it('is detached with its savepoint if it took values of your own SQL in it', async () => {
    await database.run(async (session) => {
      const ann = await named(session, 'ann').one()
      const savepoint = session.transaction(async () => {
        await session.execute(sql`update users set age = 50 where name = 'ann'`)
        expect((await named(session, 'ann').forUpdate().one()).age).toBe(50)
        await session.find(User).forUpdate().count()
      })
      await failure('DATA_BRIDGE_ERR_QUERY', savepoint)
      const again = await named(session, 'ann').one()
      expect(again).not.toBe(ann)
      expect(again.age).toBe(1)
    })
  })
})

describe('a locking query', () => {
  it('begins a transaction, with one statement for a lock and one for a loader', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      await session.find(User).filter({ id: 1 }).options(selectinload(User.posts)).forUpdate().one()
      expect(session.stats.queryCount).toBe(2)
    })
    expect(wire.texts).toEqual([
      'begin',
      expect.stringMatching(/ from "users" as "t0" where .* limit \$2 for update of "t0"$/),
      expect.not.stringContaining('for update'),
      'commit',
    ])
  })

  it('is one operation, and reads', async () => {
    await using recorder = recordSession(url)
    await recorder.session.find(User).forUpdate({ skipLocked: true }).toList()
    expect(recorder.operations.map(({ operation, outcome }) => [operation.kind, outcome])).toEqual([
      ['session', {}],
      ['query', { rows: 3 }],
    ])
    const [begin, select] = recorder.statements
    expect(begin).toMatchObject({ summary: 'BEGIN', kind: 'control' })
    expect(select).toMatchObject({ summary: 'SELECT users', kind: 'read', rows: 3 })
    expect(select?.operation).toBe(recorder.operations[1]?.operation)
  })

  it('has another text for each lock, and the last one wins', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const find = session.find(User)
      await find.toList()
      await find.forUpdate().toList()
      await find.forUpdate({ skipLocked: true, noWait: false }).toList()
      await find.forShare({ noWait: true }).toList()
      await find.forUpdate().forShare().toList()
    })
    const lock = (text: string) => text.split(' as "t0"')[1]
    expect(wire.texts.filter((text) => text.startsWith('select')).map(lock)).toEqual([
      '',
      ' for update of "t0"',
      ' for update of "t0" skip locked',
      ' for share of "t0" nowait',
      ' for share of "t0"',
    ])
  })

  it('is refused where there are no rows to lock', async () => {
    await using session = database.session()
    const locking = session.find(User).forUpdate()
    const refused = coded('DATA_BRIDGE_ERR_QUERY', 'find(User).forUpdate() cannot be used with')
    await expect(locking.count()).rejects.toThrow(refused)
    await expect(locking.exists()).rejects.toThrow(refused)
    await expect(locking.aggregate(() => ({ n: count() }))).rejects.toThrow(refused)
    const grouped = locking.groupBy((row) => row.age)
    await expect(grouped.aggregate((row) => ({ age: row.age }))).rejects.toThrow(refused)
    await expect(grouped.toList()).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'groupBy()'))
    await expect(locking.select((row) => ({ id: row.id })).count()).rejects.toThrow(refused)
    expect(() => locking.select(() => ({ n: count() }))).toThrow(coded('DATA_BRIDGE_ERR_QUERY'))
    expect(session.stats.queryCount).toBe(0)
  })

  it.each(['forUpdate', 'forShare'] as const)(
    'is refused where nothing is written: %s',
    async (lock) => {
      await using session = database.session({ readOnly: true })
      await expect(session.find(User)[lock]().toList()).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_QUERY', `find(User).${lock}() expected a session that may write`),
      )
      expect(await session.find(User).toList()).toHaveLength(3)
      const reading = database.transaction((tx) => tx.find(User)[lock]().toList(), {
        readOnly: true,
      })
      await expect(reading).rejects.toThrow(expect.objectContaining({ sqlState: '25006' }))
    },
  )

  it('refuses options that contradict each other, unknown ones and other values', async () => {
    await using session = database.session()
    const find = session.find(User)
    const refuses = (options: unknown, message: string) =>
      expect(() => find.forUpdate(options as never)).toThrow(
        coded('DATA_BRIDGE_ERR_OPTION', message),
      )
    const where = 'find(User).forUpdate()'
    refuses({ skipLocked: true, noWait: true }, `${where} expected skipLocked or noWait, got both`)
    refuses(
      { nowait: true },
      `${where} has no option nowait; it has skipLocked, noWait, of and noKey`,
    )
    refuses({ skipLocked: 1 }, `${where}: skipLocked expected true or false, got the number 1`)
    expect(() => find.forShare({ noKey: true } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'find(User).forShare() has no option noKey'),
    )
    refuses({ noKey: 1 }, `${where}: noKey expected true or false, got the number 1`)
    refuses(null, `${where} expected options such as { skipLocked: true }, got null`)
    refuses('skip locked', `${where} expected options`)
    expect(() => find.forShare({ of: 't1' } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'forShare(): of expected a callback'),
    )
  })
})
