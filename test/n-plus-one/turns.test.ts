import { describe, expect, it } from 'vitest'
import { settingsOf } from '../../orm/n-plus-one/settings.ts'
import { Turns } from '../../orm/n-plus-one/turns.ts'
import type { Operation, QueryOperation } from '../../orm/observe/operation.ts'
import { tableOf } from '../../orm/schema/table-of.ts'
import { Post, User } from '../support/entities.ts'

const [posts, users] = [tableOf(Post), tableOf(User)]

const query = (values: Partial<QueryOperation>): Operation => ({
  kind: 'query',
  name: 'get',
  table: users,
  filters: 1,
  limit: undefined,
  ...values,
})

const session = (name: 'flush' | 'close', parent?: Operation): Operation => ({
  kind: 'session',
  name,
  pending: 0,
  dirty: 0,
  deleted: 0,
  parent,
})

const lazy: Operation = {
  kind: 'relationship',
  strategy: 'select',
  relation: posts.relation('author'),
  owners: [],
  cacheHit: false,
  depth: 0,
}

/** Which of some calls are worth a stack, from 1 on. */
function due(mode: 'count' | 'detect', calls: readonly Operation[]): readonly number[] {
  const turns = new Turns(settingsOf(mode, {}))
  return calls.flatMap((call, index) => (turns.isDue(call) ? [index + 1] : []))
}

const times = (count: number, ...operations: readonly Operation[]): readonly Operation[] =>
  Array.from({ length: count }, () => operations).flat()

describe('in the mode of production, a stack is worth its cost', () => {
  it('for the fifth call of a kind, once', () => {
    expect(due('count', times(12, query({})))).toEqual([5])
    expect(due('count', times(4, query({})))).toEqual([])
    expect(due('count', times(6, session('flush')))).toEqual([5])
    expect(due('count', times(6, query({ name: 'execute', table: undefined })))).toEqual([5])
  })

  it('for each kind and each table on its own', () => {
    const kinds = [query({}), query({ table: posts }), query({ name: 'first' })]
    expect(due('count', times(6, ...kinds))).toEqual([13, 14, 15])
  })

  it('not for other thresholds than those that are set', () => {
    const turns = new Turns(settingsOf({ mode: 'count', thresholds: { get: 2 } }, {}))
    expect(times(3, query({})).map((call) => turns.isDue(call))).toEqual([false, true, false])
  })

  it('for the fifth transaction', () => {
    const turns = new Turns(settingsOf('count', {}))
    const answers = Array.from({ length: 6 }, () => turns.isTransactionDue())
    expect(answers).toEqual([false, false, false, false, true, false])
  })
})

describe('in development, a stack is worth its cost', () => {
  it('for each call of the program', () => {
    expect(due('detect', times(3, query({}), session('flush')))).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('not for parts of a call, nor for what sends no statement, nor for the end of a session', () => {
    const calls = [session('flush', query({})), query({ cacheHit: true }), session('close')]
    expect(due('detect', calls)).toEqual([])
  })

  it('not for what the property of a relation has noted', () => {
    const counted = { relation: posts.relation('author'), owner: {}, provenance: undefined }
    expect(due('detect', [lazy, query({ name: 'count', counted })])).toEqual([])
  })
})
