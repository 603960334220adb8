import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import type { Finding } from '../../orm/index.ts'
import { library } from '../orm/relations/library.ts'
import { testDatabase } from '../support/database.ts'
import { random } from '../support/random.ts'
import { statementLog } from '../support/statement-log.ts'
import { pathsOf, type Program, randomProgram, run } from './programs.ts'

const { url, query } = await testDatabase(library)
const log = await statementLog(url)
afterAll(() => log[Symbol.asyncDispose]())

/** Random rows: some authors have a mentor, some books neither author nor reviews. */
async function fill(seed: number): Promise<void> {
  const next = random(seed)
  const upTo = (most: number): number => Math.floor(next() * (most + 1))
  const orNull = (most: number): string => (next() < 0.2 ? 'null' : String(1 + upTo(most - 1)))
  const list = (count: number, row: (id: number) => string): string =>
    Array.from({ length: count }, (_, index) => row(index + 1)).join(', ')
  const [authors, books, genres] = [2 + upTo(6), 2 + upTo(8), 1 + upTo(4)]
  const links = Array.from({ length: books }, (_, book) =>
    Array.from({ length: genres }, (_, genre) => `(${book + 1}, ${genre + 1})`).filter(
      () => next() < 0.4,
    ),
  ).flat()
  await query('truncate authors, profiles, books, reviews, genres, book_genres restart identity')
  await query(`insert into authors (name) values ${list(authors, (id) => `('a${id}')`)}`)
  await query(
    `update authors set mentor_id = case ${Array.from(
      { length: authors },
      (_, id) => `when id = ${id + 1} then ${orNull(authors)}::int`,
    ).join(' ')} end`,
  )
  await query(
    `insert into books (title, author_id) values ${list(books, (id) => `('b${id}', ${orNull(authors)})`)}`,
  )
  await query(
    `insert into reviews (stars, book_id) values ${list(1 + upTo(15), () => `(1, ${1 + upTo(books - 1)})`)}`,
  )
  await query(`insert into genres (name) values ${list(genres, (id) => `('g${id}')`)}`)
  if (links.length > 0) await query(`insert into book_genres values ${links.join(', ')}`)
}

/** How many statements the server has executed for a program, and what was found. */
async function tried(
  program: Program,
): Promise<{ statements: number; findings: readonly Finding[] }> {
  let findings: readonly Finding[] = []
  const texts = await log.statementsOf(async () => {
    await using session = log.database.session({ nPlusOne: 'detect' })
    findings = await run(session, program)
  })
  const told = findings.filter(({ severity }) => severity !== 'info')
  return { statements: texts.length, findings: told }
}

const withEager = (program: Program, ...paths: readonly (readonly string[])[]): Program => ({
  ...program,
  eager: [...program.eager, ...paths],
})

/** The relations that the fix loads, from the root on. */
const relationsOf = ({ fix }: Finding): string[] =>
  Array.from(fix.matchAll(/selectinload\(\w+\.(\w+)\)/g), ([, name]) => name as string)

it('speaks of a relation only if the server executes less where it is loaded eagerly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.nat(), async (gen, seed) => {
      await fill(seed)
      const program = randomProgram(gen)
      const { statements, findings } = await tried(program)
      for (const finding of findings) {
        const path = relationsOf(finding)
        const cured = await tried(withEager(program, path))
        // Each relation on the way may need a statement.
        expect(statements - cured.statements).toBeGreaterThanOrEqual(finding.count - path.length)
        expect(
          cured.findings.filter(({ path: other }) => other?.join() === finding.path?.join()),
        ).toEqual([])
      }
      const eager = await tried(withEager(program, ...pathsOf(program.steps)))
      expect(eager.findings).toEqual([])
    }),
    { numRuns: 150 },
  )
})

it('speaks of a relation that was loaded one by one for three entities of one list', async () => {
  let spoken = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.nat(), async (gen, seed) => {
      await fill(seed)
      const { steps, ...program } = randomProgram(gen)
      for (const step of steps) {
        const only = { ...program, eager: [], steps: [{ ...step, below: [] }] }
        const { statements, findings } = await tried(only)
        const { statements: fewest } = await tried(withEager(only, [step.relation]))
        if (statements - fewest < 2) continue
        spoken += 1
        expect(findings.map(relationsOf)).toEqual([[step.relation]])
        expect(findings[0]?.count).toBe(statements - 1)
      }
    }),
    { numRuns: 150 },
  )
  expect(spoken).toBeGreaterThan(20)
})
