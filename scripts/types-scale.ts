/**
 * Checks that the types stay fast: a ring of tables that refer to each other, and a file that uses
 * them, are compiled as an application would, against the declaration files in `node_modules`.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const tableCount = 200
const userCount = 100
const secondsAllowed = 2

const root = resolve(import.meta.dirname, '..')

interface Compiler {
  readonly name: string
  readonly path: string
}

interface Run {
  readonly compiler: Compiler
  readonly settings: string
  readonly files: number
  readonly seconds: number
  readonly memory: string
  readonly instantiations: string
  /** What the compiler said beside its statistics; empty where all is well. */
  readonly complaints: string
}

// With declarations: whatever a table's class is made of must have a name that applications can import.
const strict = {
  target: 'es2024',
  module: 'nodenext',
  strict: true,
  skipLibCheck: true,
  declaration: true,
}
const settings = {
  strictest: { ...strict, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  strict,
}

function compilerIn(packageName: string): Compiler {
  const folder = join(root, 'node_modules', packageName)
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return { name: `TypeScript ${version}`, path: join(folder, 'bin/tsc') }
}

// --- the application

function tableName(index: number): string {
  return `Table${String((index + tableCount) % tableCount).padStart(3, '0')}`
}

function tableSource(index: number): string {
  const [own, next, previous, far] = [0, 1, -1, 7].map((step) => tableName(index + step))
  const refersToItself = index % 3 === 0
  return `
import { belongsTo, boolean, hasMany, integer, jsonb, table, text, timestamptz } from 'fastify-data-bridge/orm'
${[next, previous, far].map((name) => `import { ${name} } from './${name}.js'`).join('\n')}

export class ${own} extends table('${own?.toLowerCase()}', {
  id: integer().primaryKey().generated(),
  name: text(),
  email: text().unique(),
  score: integer().default(0),
  active: boolean().default(true),
  settings: jsonb<{ theme: 'dark' | 'light'; of${index}: number }>().nullable(),
  createdAt: timestamptz().defaultNow(),
  nextId: integer().references(() => ${next}),
  next: () => belongsTo(${next}, 'nextId'),
  previous: () => hasMany(${previous}, 'nextId'),
  farId: integer().nullable().references(() => ${far}),
  far: () => belongsTo(${far}, 'farId'),${
    refersToItself
      ? `
  parentId: integer().nullable().references(() => ${own}),
  parent: () => belongsTo(${own}, 'parentId'),
  children: () => hasMany(${own}, 'parentId'),`
      : ''
  }
}) {
  get label() { return \`\${this.name} #\${this.id}\` }
}
`
}

// Each required reference may be given as a key or as an entity: the ways to do so must not multiply.
function hubSource(): string {
  const targets = Array.from({ length: 14 }, (_, index) => tableName(index))
  const references = targets.map(
    (name, index) => `
  key${index}: integer().references(() => ${name}),
  one${index}: () => belongsTo(${name}, 'key${index}'),`,
  )
  const values = targets.map((_, index) => (index % 2 === 0 ? `key${index}: 1` : `one${index}`))
  const entities = targets.map((name, index) => `one${index}: ${name}`)
  return `
import { belongsTo, integer, table } from 'fastify-data-bridge/orm'
${targets.map((name) => `import { ${name} } from './${name}.js'`).join('\n')}

export class Hub extends table('hubs', {
  id: integer().primaryKey().generated(),${references.join('')}
}) {}

export function makeHub(${entities.join(', ')}) {
  return new Hub({ ${values.join(', ')} })
}
`
}

function usersSource(): string {
  const step = Math.floor(tableCount / userCount)
  const users = Array.from({ length: userCount }, (_, user) => userSource(user * step))
  const imports = Array.from({ length: tableCount }, (_, index) => tableName(index))
  return `
import { and, avg, count, max, or, selectinload, type Session } from 'fastify-data-bridge/orm'
${imports.map((name) => `import { ${name} } from './${name}.js'`).join('\n')}
${users.join('')}`
}

function userSource(index: number): string {
  const [own, next, far, one, two] = [0, 1, 7, -1, -2].map((step) => tableName(index + step))
  return `
export async function use${own}(session: Session) {
  const rows: ${own}[] = await session.find(${own})
    .filter({ active: true, name: ['a', 'b'], farId: null })
    .filter((row) => or(and(row.score.gt(18), row.email.ilike('%a')), row.score.eq(row.nextId)))
    .orderBy((row) => [row.name.asc(), row.id.desc()])
    .options(
      selectinload(${own}.previous).options(selectinload(${one}.previous).options(selectinload(${two}.next))),
      selectinload(${own}.far),
    )
    .limit(10)
    .toList()
  const loaded = rows[0]?.previous.value[0]?.previous.value[0]?.next.value.label
  const next: ${next} | undefined = await rows[0]?.next
  const far: ${far} | null | undefined = await rows[0]?.far
  const totals: { nextId: number; rows: number; mean: number | null; best: number | null }[] = await session.find(${own})
    .groupBy((row) => row.nextId)
    .aggregate((row) => ({ nextId: row.nextId, rows: count(), mean: avg(row.score), best: max(row.score) }))
  session.add(new ${own}({ name: 'x', email: 'y', nextId: 1, settings: { theme: 'dark', of${index}: 1 } }))
  if (next !== undefined) session.add(new ${own}({ name: 'x', email: 'y', score: 1, next, far: far ?? null }))
  const own: ${own} | null = await ${own}.get(1)
  const other: ${next} = await session.find(${next}).filter((row) => row.active.eq(true)).one()
  return [loaded, totals, own?.settings?.of${index}, other.label] as const
}
`
}

// Each line proves that the checker looked: where it finds nothing wrong, the comment is the error.
function mistakesSource(): string {
  const [own, next] = [tableName(0), tableName(1)]
  const mistakes = [
    `new ${own}({ name: 'x', nextId: 1 })`,
    `new ${own}({ name: 'x', email: 'y' })`,
    `new ${own}({ name: 'x', email: 'y', nextId: 1, next })`,
    `new ${own}({ name: 'x', email: 'y', nextId: 1, nope: 1 })`,
    `new ${own}({ name: 'x', email: 'y', nextId: '1' })`,
    `own.filter({ nope: 1 })`,
    `own.filter({ score: 'a' })`,
    `own.filter((row) => row.nope.eq(1))`,
    `own.filter((row) => row.score.gt('a'))`,
    `own.options(selectinload(${next}.previous))`,
    `own.options(selectinload(${own}.next).options(selectinload(${own}.next)))`,
    `own.aggregate((row) => ({ score: row.score })).then((rows): string[] => rows.map((row) => row.score))`,
    `next.previous.then((rows): ${next}[] => rows)`,
    `${own}.get(null)`,
  ]
  return `
import { type Query, selectinload } from 'fastify-data-bridge/orm'
import { ${own} } from './${own}.js'
import { ${next} } from './${next}.js'

export function mistakes(own: Query<typeof ${own}>, next: ${next}) {
${mistakes.map((mistake) => `  // @ts-expect-error\n  void ${mistake}\n`).join('')}}
`
}

function writeApplication(folder: string): void {
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  for (let index = 0; index < tableCount; index += 1)
    writeFileSync(join(folder, 'src', `${tableName(index)}.ts`), tableSource(index))
  writeFileSync(join(folder, 'src/hub.ts'), hubSource())
  writeFileSync(join(folder, 'src/users.ts'), usersSource())
  writeFileSync(join(folder, 'src/mistakes.ts'), mistakesSource())
  for (const [name, compilerOptions] of Object.entries(settings)) {
    const config = {
      compilerOptions: {
        ...compilerOptions,
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        noEmit: true,
      },
      include: ['src'],
    }
    writeFileSync(join(folder, `tsconfig.${name}.json`), JSON.stringify(config))
  }
}

// --- the library, as npm would install it

async function installLibrary(folder: string, compiler: Compiler): Promise<void> {
  const installed = join(folder, 'node_modules/fastify-data-bridge')
  mkdirSync(installed, { recursive: true })
  for (const name of ['@types', 'pg'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: root,
      outDir: join(installed, 'dist'),
      emitDeclarationOnly: true,
      declarationMap: false,
      sourceMap: false,
    },
    include: [join(root, 'orm')],
  }
  writeFileSync(join(folder, 'tsconfig.library.json'), JSON.stringify(config))
  const built = await compile(compiler, ['-p', join(folder, 'tsconfig.library.json')])
  if (built.exitCode !== 0) throw new Error(`the library itself does not build:\n${built.output}`)
}

// --- measuring

function compile(
  compiler: Compiler,
  options: readonly string[],
): Promise<{ readonly exitCode: unknown; readonly output: string }> {
  const command = [compiler.path, ...options, '--pretty', 'false']
  const limits = { maxBuffer: 64 * 1024 * 1024 }
  return new Promise((done) => {
    execFile(process.execPath, command, limits, (error, output, complaints) => {
      done({
        exitCode: error === null ? 0 : (error.code ?? 'a signal'),
        output: output + complaints,
      })
    })
  })
}

async function check(compiler: Compiler, folder: string, name: string): Promise<Run> {
  const config = join(folder, `tsconfig.${name}.json`)
  const { exitCode, output } = await compile(compiler, ['-p', config, '--extendedDiagnostics'])
  const statistic = (label: string): string =>
    new RegExp(`^${label}: +(\\S+)`, 'm').exec(output)?.[1] ?? ''
  const complaints = output.replaceAll(/^[\w /-]+: +[\d.]+[sK]?$\n?/gm, '').trim()
  return {
    compiler,
    settings: name,
    files: Number(statistic('Files')),
    seconds: Number.parseFloat(statistic('Total time')),
    memory: `${Math.round(Number.parseInt(statistic('Memory used'), 10) / 1024)} MB`,
    instantiations: statistic('Instantiations'),
    complaints:
      exitCode === 0 ? '' : complaints === '' ? `it ended with ${String(exitCode)}` : complaints,
  }
}

/** The fastest of three runs; of six where the machine may have been busy with something else. */
async function best(compiler: Compiler, folder: string, name: string): Promise<Run> {
  const runs: Run[] = []
  const fastest = (): Run => runs.reduce((a, b) => (b.seconds < a.seconds ? b : a))
  do runs.push(await check(compiler, folder, name))
  while (runs.length < 3 || (runs.length < 6 && fastest().seconds > secondsAllowed))
  return runs.find(({ complaints }) => complaints !== '') ?? fastest()
}

function problemsOf(run: Run, allowed: number): string[] {
  const who = `${run.compiler.name} (${run.settings})`
  if (run.complaints !== '') {
    const lines = run.complaints.split('\n')
    const rest = lines.length > 10 ? `\n… and ${lines.length - 10} more lines` : ''
    return [`${who} does not accept the application:\n${lines.slice(0, 10).join('\n')}${rest}`]
  }
  if (!(run.files > tableCount))
    return [`${who} saw ${run.files} files, fewer than there are tables.`]
  if (run.seconds <= allowed) return []
  const load = `the load is ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`
  return [`${who} took ${run.seconds} s at best; ${allowed} s are allowed (${load}).`]
}

function print(runs: readonly Run[]): void {
  const rows = [
    ['compiler', 'settings', 'files', 'seconds', 'memory', 'instantiations'],
    ...runs.map((run) => [
      run.compiler.name,
      run.settings,
      String(run.files),
      run.seconds.toFixed(2),
      run.memory,
      run.instantiations,
    ]),
  ]
  const widths = [0, 1, 2, 3, 4, 5].map((cell) => Math.max(...rows.map((row) => row[cell]!.length)))
  for (const row of rows)
    console.log(row.map((cell, index) => cell.padEnd(widths[index]!)).join('  '))
}

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'types-scale-'))
try {
  const [current, previous] = [compilerIn('typescript'), compilerIn('typescript-5')]
  await installLibrary(folder, current)
  writeApplication(folder)
  const runs = [
    await best(current, folder, 'strictest'),
    await check(current, folder, 'strict'),
    await check(previous, folder, 'strictest'),
  ]
  console.log(
    `${tableCount} tables in a ring, ${userCount} functions that use them with 4 queries each`,
  )
  print(runs)
  const problems = runs.flatMap((run, index) =>
    problemsOf(run, index === 0 ? secondsAllowed : Number.POSITIVE_INFINITY),
  )
  for (const problem of problems) console.error(`\n${problem}`)
  if (problems.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
