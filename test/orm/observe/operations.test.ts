import { beforeEach, describe, expect, it } from 'vitest'
import { count, selectinload, sql } from '../../../orm/index.ts'
import { CombinedObserver } from '../../../orm/observe/combined-observer.ts'
import { observed, type Observer } from '../../../orm/observe/observer.ts'
import type { Operation, Outcome } from '../../../orm/observe/operation.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'
import {
  recordSession,
  type RecordedOperation,
  type SessionRecorder,
} from '../../support/recorder.ts'

const { query, truncate, url } = await testDatabase(blog)

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1)`)
})

const nameOf = (operation: Operation): string => {
  if (operation.kind !== 'relationship') return `${operation.kind}.${operation.name}`
  const { owner, name } = operation.relation
  return `${operation.strategy} ${owner.entityName}.${name}`
}

/** Each operation as `child < parent`. */
const tree = (operations: readonly RecordedOperation[]) =>
  operations.map(({ operation }) =>
    operation.parent === undefined
      ? nameOf(operation)
      : `${nameOf(operation)} < ${nameOf(operation.parent)}`,
  )

const find = (recorder: SessionRecorder, name: string) =>
  recorder.operations.find(({ operation }) => nameOf(operation) === name)

describe('an observer sees', () => {
  it('every operation with the one that caused it, and the statements of each', async () => {
    const recorder = recordSession(url)
    const { session } = recorder
    session.add(new Post({ title: 'three', author: user('cid') }))
    const users = await session
      .find(User)
      .options(selectinload(User.posts).options(selectinload(Post.comments)))
      .toList()
    await users[0]?.posts.value[0]?.author
    ;(users[0] as User).name = 'changed'
    await session.commit()
    await session.close()
    expect(tree(recorder.operations)).toEqual([
      'session.open',
      'query.find',
      'session.flush < query.find',
      'selectinload User.posts < query.find',
      'selectinload Post.comments < query.find',
      'select Post.author',
      'session.commit',
      'session.flush < session.commit',
      'session.close',
    ])
    expect(
      recorder.statements.map(({ summary, kind, operation }) => [
        summary,
        kind,
        operation && nameOf(operation),
      ]),
    ).toEqual([
      ['SELECT catalogue', 'control', 'session.flush'],
      ['BEGIN', 'control', 'session.flush'],
      ['INSERT users', 'write', 'session.flush'],
      ['INSERT posts', 'write', 'session.flush'],
      ['SELECT users', 'read', 'query.find'],
      ['SELECT posts', 'read', 'selectinload User.posts'],
      ['SELECT comments', 'read', 'selectinload Post.comments'],
      ['UPDATE users', 'write', 'session.flush'],
      ['COMMIT', 'control', 'session.commit'],
    ])
  })

  it('each kind of query, with its conditions, its limit and its rows', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const all = session.find(User).filter({ active: true }, (row) => row.id.gt(0))
    await all.limit(7).toList()
    await all.first()
    await all.filter({ id: 1 }).one()
    await all.count()
    await all.exists()
    await all.aggregate(() => ({ n: count() }))
    await session.get(User, 1)
    await session.get(User, 99)
    await session.execute(sql`select 1 from posts`)
    const queries = recorder.operations.flatMap(({ operation, outcome }) =>
      operation.kind === 'query'
        ? [[operation.name, operation.filters, operation.limit, outcome?.rows]]
        : [],
    )
    expect(queries).toEqual([
      ['find', 2, 7, 2],
      ['first', 2, 1, 1],
      ['one', 3, 2, 1],
      ['count', 2, undefined, 2],
      ['exists', 2, undefined, 1],
      ['aggregate', 2, undefined, 1],
      ['get', 1, undefined, 1],
      ['get', 1, undefined, 0],
      ['execute', 0, undefined, 2],
    ])
    await session.rollback()
  })

  it('whether the identity map had what was asked for', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    await session.get(User, 1)
    await session.get(User, 1)
    for (const post of await session.find(Post).toList()) await post.author
    const hits = recorder.operations.flatMap(({ operation }) =>
      'cacheHit' in operation ? [operation.cacheHit] : [],
    )
    expect(hits).toEqual([false, true, true, true])
  })

  it('what a flush and a commit had to write', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const [ann] = await session.find(User).toList()
    const [post] = await session.find(Post).toList()
    ;(ann as User).age = 3
    session.add(user('cid'), user('dan'))
    session.delete(post as Post)
    await session.commit()
    const written = { pending: 2, dirty: 1, deleted: 1 }
    expect(find(recorder, 'session.commit')?.operation).toMatchObject(written)
    expect(find(recorder, 'session.flush')?.operation).toMatchObject(written)
  })

  it('how an operation and its statement failed', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    session.add(new User({ name: 'twice', email: 'ann' }))
    await expect(session.find(Comment).count()).rejects.toThrow('unique')
    const unique = expect.objectContaining({ code: 'DATA_BRIDGE_ERR_UNIQUE' }) as unknown
    expect(find(recorder, 'query.count')?.outcome).toEqual({ error: unique })
    expect(find(recorder, 'session.flush')?.outcome).toEqual({ error: unique })
    expect(recorder.statements.at(-1)).toMatchObject({ summary: 'INSERT users', error: unique })
    await session.rollback()
    expect(recorder.operations.every(({ outcome }) => outcome !== undefined)).toBe(true)
  })

  it('no value: texts have places for them', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    session.add(new User({ name: 'secret', email: 'secret', age: 4711 }))
    await session
      .find(User)
      .filter({ name: ['secret'] }, (row) => row.age.gt(4711))
      .count()
    await session.execute(sql`select ${'secret'}::text, ${4711}::int`)
    expect(
      JSON.stringify(recorder.statements.map(({ text, summary }) => [text, summary])),
    ).not.toMatch(/secret|4711/)
    await session.rollback()
  })
})

describe('CombinedObserver', () => {
  const operation: Operation = {
    kind: 'session',
    name: 'flush',
    pending: 0,
    dirty: 0,
    deleted: 0,
  }
  const watching = (log: string[], name: string): Observer => ({
    operationStarted: () => {
      log.push(`${name} start`)
      return ({ rows }) => log.push(`${name} end ${rows}`)
    },
  })

  it('tells each of them, in their order', async () => {
    const log: string[] = []
    const observer = new CombinedObserver([watching(log, 'a'), {}, watching(log, 'b')])
    expect(observer.statementSent).toBeUndefined()
    const result = await observed(
      observer,
      operation,
      async () => 'result',
      () => ({ rows: 3 }),
    )
    expect([result, log]).toEqual(['result', ['a start', 'b start', 'a end 3', 'b end 3']])
  })

  it('goes on where one of them throws, with a warning', async () => {
    const log: string[] = []
    const throwing: Observer = {
      operationStarted() {
        throw new Error('at the start')
      },
    }
    const late: Observer = {
      operationStarted: () => () => {
        throw new Error('at the end')
      },
    }
    const warnings: string[] = []
    const listen = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', listen)
    const observer = new CombinedObserver([throwing, late, watching(log, 'a')])
    const result = await observed(
      observer,
      operation,
      async () => 'result',
      () => ({ rows: 3 }),
    )
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect([result, log]).toEqual(['result', ['a start', 'a end 3']])
    expect(warnings).toEqual([
      'an observer of fastify-data-bridge has thrown: Error: at the start',
      'an observer of fastify-data-bridge has thrown: Error: at the end',
    ])
  })

  it('watches nothing where there is none', async () => {
    const none = new CombinedObserver([])
    expect(none.operationStarted).toBeUndefined()
    const outcome = (): Outcome => {
      throw new Error('nobody asked')
    }
    expect(await observed(none, operation, async () => 1, outcome)).toBe(1)
  })
})
