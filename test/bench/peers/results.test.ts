import { describe, expect, it } from 'vitest'
import { differenceOf } from '../../../bench/peers/difference.ts'
import { anyDate, shaped } from '../../../bench/peers/shape.ts'

describe('the shape of a result', () => {
  const createdAt = new Date(0)

  it('takes what it names, in lists and behind relations', () => {
    const posts = [
      { id: 1, title: 'a', secret: 'x', author: { id: 2, age: null } },
      { id: 3, title: 'b', author: { id: 2, age: null } },
    ]
    expect(shaped(posts, { id: true, author: { id: true, age: true } })).toEqual([
      { id: 1, author: { id: 2, age: null } },
      { id: 3, author: { id: 2, age: null } },
    ])
  })

  it('reads through the wrappers of a peer', () => {
    const read = (result: object, property: string): unknown =>
      (result as Record<string, { value: unknown }>)[property]?.value
    expect(shaped({ id: { value: 7 } }, { id: true }, read)).toEqual({ id: 7 })
  })

  it('keeps dates, except those that differ from run to run', () => {
    expect(shaped({ createdAt }, { createdAt: true })).toEqual({ createdAt })
    expect(shaped({ createdAt }, { createdAt: anyDate })).toEqual({ createdAt: anyDate })
  })

  it('refuses what is missing, and dates that are text', () => {
    expect(() => shaped({}, { id: true })).toThrow('Expected a value in id, got undefined')
    expect(() => shaped(null, { id: true })).toThrow('Expected an object or a list, got null')
    expect(() => shaped({ createdAt: '1970-01-01' }, { createdAt: true })).toThrow(
      'Expected a Date in createdAt, got string 1970-01-01',
    )
  })
})

describe('the difference of two results', () => {
  it('is none for equal ones', () => {
    expect(differenceOf({ a: [1, new Date(5)] }, { a: [1, new Date(5)] })).toBeUndefined()
  })

  it('is the first place where they differ', () => {
    const expected = [{ id: 1, posts: [{ id: 2 }] }]
    expect(differenceOf([{ id: 1, posts: [{ id: 3 }] }], expected)).toBe(
      'result.0.posts.0.id: expected 2, got 3',
    )
    expect(differenceOf([{ id: 1, posts: [] }], expected)).toBe(
      'result.0.posts.0: expected {"id":2}, got undefined',
    )
    expect(differenceOf({ a: 1, b: 2 }, { a: 1 })).toBe('result.b: expected undefined, got 2')
    expect(differenceOf(new Date(1), new Date(0))).toBe(
      'result: expected "1970-01-01T00:00:00.000Z", got "1970-01-01T00:00:00.001Z"',
    )
  })
})
