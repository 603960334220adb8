import { describe, expect, it } from 'vitest'
import type {
  DatabaseContract,
  RouteContract,
  StatementContract,
} from '../../../plugin/testing/contract/contract.ts'
import { differences } from '../../../plugin/testing/contract/difference.ts'

const posts: StatementContract = {
  by: 'find(Post)',
  summary: 'SELECT posts',
  sql: 'select id from posts where author_id = $1',
  times: '1',
  plan: { lookups: [{ table: 'posts', columns: 'author_id', index: 'posts_author_id_idx' }] },
}
const comments: StatementContract = {
  by: 'selectinload(Post.comments)',
  summary: 'SELECT comments',
  sql: 'select id from comments where post_id = any($1)',
  times: '1',
}
const indexes = { posts_author_id_idx: 'posts USING btree (author_id)' }

function contract(
  statements: readonly StatementContract[],
  rest: Partial<DatabaseContract & RouteContract> = {},
): DatabaseContract {
  const { status = '200', transaction = { reads: '2' }, plans = 'checked' } = rest
  const routes = { 'GET /posts': { status, transaction, statements } }
  return { plans, indexes: rest.indexes ?? indexes, routes: rest.routes ?? routes }
}

const before = contract([posts, comments])

describe('differences', () => {
  it('are none between equal contracts, in whatever order', () => {
    expect(differences(before, contract([comments, posts]))).toEqual([])
  })

  it('tell a loader that is gone, and what has come in its place', () => {
    const lazy = {
      ...comments,
      by: 'lazy Post.comments',
      sql: 'select id where post_id = $1',
      times: 'rows',
    }
    expect(differences(before, contract([posts, lazy]))).toEqual([
      'GET /posts: SELECT comments: 1 → rows; the loader selectinload(Post.comments) is gone, lazy Post.comments has come',
    ])
  })

  it('tell a loader that is gone without anything in its place', () => {
    expect(differences(before, contract([posts]))).toEqual([
      'GET /posts: SELECT comments: 1 → 0; the loader selectinload(Post.comments) is gone',
    ])
  })

  it('tell how the number grows', () => {
    expect(differences(before, contract([{ ...posts, times: '1 + rows' }, comments]))).toEqual([
      'GET /posts: SELECT posts by find(Post): 1 → 1 + rows',
    ])
  })

  it('tell a new statement', () => {
    expect(differences(contract([posts]), before)).toEqual([
      'GET /posts: SELECT comments by selectinload(Post.comments): 0 → 1',
    ])
  })

  it('tell another text', () => {
    const other = { ...posts, sql: 'select id, title from posts where author_id = $1' }
    expect(differences(before, contract([other, comments]))).toEqual([
      `GET /posts: SELECT posts by find(Post) has another text\n    - ${posts.sql}\n    + ${other.sql}`,
    ])
  })

  it('tell routes, states and transactions', () => {
    expect(differences(before, contract([], { routes: {} }))).toEqual(['GET /posts: is gone'])
    expect(differences(contract([], { routes: {} }), before)).toEqual(['GET /posts: is new'])
    const other = contract([posts, comments], {
      status: '500',
      transaction: { begin: '1', reads: '2' },
    })
    expect(differences(before, other)).toEqual([
      'GET /posts: status 200 → 500',
      'GET /posts: begin: 0 → 1',
    ])
  })
})

describe('differences of plans', () => {
  const table = { table: 'posts', columns: 'author_id', index: null }
  const scanned = { ...posts, plan: { lookups: [table] } }

  it('tell the index that is gone, and what PostgreSQL does now', () => {
    expect(differences(before, contract([scanned, comments], { indexes: {} }))).toEqual([
      'posts_author_id_idx is gone: Seq Scan on posts filtered by author_id (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('tell an index that is gone although another one serves', () => {
    const other = { ...table, index: 'other' }
    const now = contract([{ ...posts, plan: { lookups: [other] } }, comments], { indexes: {} })
    expect(differences(before, now)).toEqual([
      'posts_author_id_idx is gone (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('tell another index of the same name', () => {
    const now = contract([scanned, comments], {
      indexes: { posts_author_id_idx: 'posts USING btree (title)' },
    })
    expect(differences(before, now)).toEqual([
      'posts_author_id_idx has changed: posts USING btree (author_id) → posts USING btree (title) (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('are none if the planner chooses another index or another table first', () => {
    const other = { ...table, columns: 'id', index: 'posts_pkey' }
    expect(
      differences(before, contract([{ ...posts, plan: { lookups: [other] } }, comments])),
    ).toEqual([])
    const elsewhere = { ...scanned, plan: { lookups: [{ ...table, columns: 'title' }] } }
    expect(differences(contract([scanned]), contract([elsewhere]))).toEqual([])
  })

  it('tell a filter and an order that no index serves any more', () => {
    const order = { by: 'posts.likes DESC', index: null }
    const now = { ...posts, plan: { lookups: [table], orders: [order] } }
    expect(differences(before, contract([now, comments]))).toEqual([
      'Seq Scan on posts filtered by author_id, which no index serves (GET /posts: SELECT posts by find(Post))',
      'Sort by posts.likes DESC, which no index serves (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('tell what an index serves now, which is worth to be kept', () => {
    expect(differences(contract([scanned]), contract([posts]))).toEqual([
      'an index serves now: Seq Scan on posts filtered by author_id (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('tell that there is no plan any more', () => {
    const now = contract([{ ...posts, plan: { unknown: 'no reason' } }, comments])
    expect(differences(before, now)).toEqual([
      'it has no plan any more: no reason (GET /posts: SELECT posts by find(Post))',
    ])
  })

  it('are none where one of both has no plans', () => {
    const { plan: _, ...plain } = posts
    const without = contract([plain, comments], { plans: 'not checked: …', indexes: {} })
    expect(differences(before, without)).toEqual([])
    expect(differences(without, before)).toEqual([])
  })
})
