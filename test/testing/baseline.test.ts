import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Finding } from '../../orm/index.ts'
import { identityOf, keyOf, mergeBaseline, readBaseline } from '../../plugin/testing/baseline.ts'

function file(text?: string): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'baseline-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'known.json')
  if (text !== undefined) writeFileSync(path, text)
  return { folder, path }
}

const entry = (target: string, ...tests: string[]) => ({ kind: 'n1.relation', target, tests })

describe('what a finding is known by', () => {
  const finding = {
    count: 5,
    site: { file: 'src/posts.ts', line: 41, column: 3, function: 'list' },
  } as Finding

  it('is kind and target, for statements also file and function; never a line or a number', () => {
    expect(identityOf({ ...finding, kind: 'n1.relation', target: 'Post.author' })).toEqual({
      kind: 'n1.relation',
      target: 'Post.author',
    })
    expect(identityOf({ ...finding, kind: 'n1.query', target: 'SELECT posts' })).toEqual({
      kind: 'n1.query',
      target: 'SELECT posts',
      file: 'src/posts.ts',
      function: 'list',
    })
  })

  it('tells functions and files apart', () => {
    const query = { ...finding, kind: 'n1.query', target: 'SELECT posts' } as const
    const other = { ...query, site: { file: 'src/users.ts', line: 1, column: 1 } }
    expect(keyOf(identityOf(query))).not.toBe(keyOf(identityOf(other)))
    const moved = { ...query, count: 9, site: { ...query.site, line: 9 } } as Finding
    expect(keyOf(identityOf(moved))).toBe(keyOf(identityOf(query)))
  })
})

describe('the file of a baseline', () => {
  it('has no entry while it does not exist', () => {
    expect(readBaseline(file().path)).toEqual([])
  })

  it.each([
    '',
    '{ not json',
    'null',
    '[]',
    '{ "findings": [] }',
    '{ "version": 2, "findings": [] }',
    '{ "version": 1, "findings": [null] }',
    '{ "version": 1, "findings": [{ "kind": "n1.get" }] }',
    '{ "version": 1, "findings": [{ "kind": "n1.get", "target": "User", "tests": [1] }] }',
    '{ "version": 1, "findings": [{ "kind": "n1.get", "target": "User", "tests": [], "file": 1 }] }',
  ])('is refused if it is %j, also where it is updated', async (text) => {
    const { path, folder } = file(text)
    expect(() => readBaseline(path)).toThrow(`Expected the baseline ${path} to be`)
    await expect(mergeBaseline(path, [entry('Post.author', 'a')])).rejects.toThrow('Expected')
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readdirSync(folder)).toEqual(['known.json'])
  })

  it('is merged by many at once, in a stable order, and nothing is deleted', async () => {
    const { path, folder } = file()
    await mergeBaseline(path, [entry('B.b', 'x')])
    const targets = Array.from({ length: 20 }, (_, index) => `A.a${index % 10}`)
    await Promise.all(
      targets.map((target, index) => mergeBaseline(path, [entry(target, `t${index}`)])),
    )
    const entries = readBaseline(path)
    expect(entries).toHaveLength(11)
    expect(entries.map(({ target }) => target)).toEqual([...new Set(targets), 'B.b'].sort())
    expect(entries[3]).toEqual(entry('A.a3', 't13', 't3'))
    expect(readdirSync(folder)).toEqual(['known.json'])
    const text = readFileSync(path, 'utf8')
    await mergeBaseline(path, [entry('A.a3', 't3')])
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('is merged although a process was ended that held its lock', async () => {
    const { path } = file()
    writeFileSync(`${path}.lock`, '')
    utimesSync(`${path}.lock`, 1, 1)
    await mergeBaseline(path, [entry('Post.author', 'a')])
    expect(readBaseline(path)).toHaveLength(1)
  })
})
