import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type AnyEntityClass, Session } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { recordWire } from '../support/recorder.ts'
import { entities, type Example, examplesIn, root } from './examples.ts'

/** A block of TypeScript, and the block of SQL behind it: what PostgreSQL gets when its function runs. */
interface Picture {
  readonly code: Example
  readonly sql: Example
}

const guides = ['docs/tables.md', 'docs/relations.md', 'docs/unit-of-work.md']

// Below test/, where the package finds itself by its name; with a dot, which compilers skip.
const folder = mkdtempSync(join(import.meta.dirname, '.pictures-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'entities.ts'), entities)
const { tables } = (await import(/* @vite-ignore */ join(folder, 'entities.ts'))) as {
  readonly tables: readonly AnyEntityClass[]
}
const { url, query, truncate } = await testDatabase(tables)

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('Ann', 'a'), ('Bob', 'b'), ('Cid', 'c')`)
  await query(`insert into posts (title, author_id)
    select 'Post ' || n, (n + 1) / 2 from generate_series(1, 6) n`)
  await query(`insert into tags (name) values ('go'), ('sql')`)
  await query(`insert into post_tags (post_id, tag_id) values (1, 1)`)
  await query(`insert into comments (body, post_id) select 'Nice', n from generate_series(1, 6) n`)
})

describe.each(guides)('%s', (guide) => {
  const pictures = picturesIn(guide)

  it('shows what is sent', () => {
    expect(pictures.length).toBeGreaterThan(0)
  })

  it.each(pictures.map((picture) => [picture.sql.line, picture] as const))(
    'line %i is what PostgreSQL gets',
    async (line, { code, sql }) => {
      const directory = join(folder, `${guide.replaceAll('/', '-')}-${line}`)
      mkdirSync(directory)
      writeFileSync(join(directory, 'entities.ts'), `export * from '../entities.ts'\n`)
      writeFileSync(join(directory, 'example.ts'), code.code)
      const example = (await import(/* @vite-ignore */ join(directory, 'example.ts'))) as object
      const [run] = Object.values(example) as ((session: Session) => Promise<unknown>)[]
      await using recorder = recordWire(url)
      await using session = new Session(recorder.database)
      await run?.(session)
      const sent = recorder.texts.map(plain)
      await session.rollback()
      expect(sent).toEqual(statementsOf(sql).map((text) => similar(text, sent)))
    },
  )
})

function picturesIn(guide: string): readonly Picture[] {
  const source = readFileSync(join(root, guide), 'utf8')
  const codes = examplesIn(guide, source)
  return examplesIn(guide, source, 'sql').map((sql) => {
    const code = codes.findLast(({ line }) => line < sql.line)
    if (code === undefined) throw new Error(`${guide}:${sql.line} shows SQL without code before it`)
    return { code, sql }
  })
}

function statementsOf({ code }: Example): readonly string[] {
  return code
    .split(';')
    .map(plain)
    .filter((text) => text !== '')
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** A documented text may leave parts out: `select … from "users"`. It is then the sent one that it describes. */
function similar(documented: string, sent: readonly string[]): string {
  const [start = '', ...others] = documented.split('…').map((part) => part.trim())
  const isMeant = (text: string): boolean => {
    if (others.length === 0) return text === documented
    let at = text.startsWith(start) ? start.length : -1
    for (const part of others) at = at === -1 ? -1 : text.indexOf(part, at)
    return at !== -1 && text.endsWith(others.at(-1) ?? '')
  }
  return sent.find(isMeant) ?? documented
}
