/**
 * Checks that the types stay fast. It compiles a ring of tables that refer to each other and a file that uses
 * them, like an application, against the declaration files in `node_modules`.
 *
 * Seconds depend on the machine. So a slow machine may take longer, if it also takes longer for interfaces that
 * are written by hand. The number of instantiated types is the same on every machine.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textTable } from '../bench/table.ts'
import {
  hubSource,
  mistakesSource,
  tableCount,
  tableNames,
  tableSource,
  usersSource,
} from './types-scale/application.ts'
import { type Compiler, compile, compilerIn, root } from './types-scale/compiler.ts'
import { plainTableSource, plainUsersSource } from './types-scale/plain.ts'

const secondsAllowed = (2 * tableCount) / 200
const timesByHandAllowed = 6
const instantiationsAllowed = 4_400 * tableCount

interface Run {
  readonly compiler: Compiler
  readonly settings: Settings
  readonly files: number
  readonly seconds: number
  readonly processorSeconds: number
  readonly memory: string
  readonly instantiations: number
  /** The messages of the compiler without its statistics. Empty if there are none. */
  readonly complaints: string
}

// With declarations, because applications have to be able to name every part of a table's class.
const strict = {
  target: 'es2024',
  module: 'nodenext',
  strict: true,
  skipLibCheck: true,
  declaration: true,
}
const strictest = { ...strict, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }

const configurations = {
  strictest: { include: ['src'], compilerOptions: strictest },
  strict: { include: ['src'], compilerOptions: strict },
  'by hand': { include: ['plain'], compilerOptions: strictest },
}

type Settings = keyof typeof configurations

function writeApplication(folder: string): void {
  const write = (path: string, text: string): void => writeFileSync(join(folder, path), text)
  mkdirSync(join(folder, 'src'))
  mkdirSync(join(folder, 'plain'))
  write('package.json', JSON.stringify({ type: 'module' }))
  for (const [index, name] of tableNames.entries()) {
    write(`src/${name}.ts`, tableSource(index))
    write(`plain/${name}.ts`, plainTableSource(index))
  }
  write('src/hub.ts', hubSource())
  write('src/users.ts', usersSource())
  write('src/mistakes.ts', mistakesSource())
  write('plain/users.ts', plainUsersSource())
  for (const [name, { include, compilerOptions }] of Object.entries(configurations)) {
    const common = { lib: ['es2024', 'esnext.disposable'], types: ['node'], noEmit: true }
    const config = { compilerOptions: { ...compilerOptions, ...common }, include }
    write(`tsconfig.${name}.json`, JSON.stringify(config))
  }
}

/** Installs the library like npm. */
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
  if (built.exitCode !== 0) throw new Error(`The library itself does not build:\n${built.output}`)
}

async function check(compiler: Compiler, folder: string, settings: Settings): Promise<Run> {
  const config = join(folder, `tsconfig.${settings}.json`)
  const { exitCode, output, processorSeconds } = await compile(compiler, [
    '-p',
    config,
    '--extendedDiagnostics',
  ])
  const statistic = (label: string): string =>
    new RegExp(`^${label}: +(\\S+)`, 'm').exec(output)?.[1] ?? ''
  const complaints = output.replaceAll(/^[\w /-]+: +[\d.]+[sK]?$\n?/gm, '').trim()
  return {
    compiler,
    settings,
    files: Number(statistic('Files')),
    seconds: Number.parseFloat(statistic('Total time')),
    processorSeconds,
    memory: `${Math.round(Number.parseInt(statistic('Memory used'), 10) / 1024)} MB`,
    instantiations: Number(statistic('Instantiations')),
    complaints:
      exitCode === 0
        ? ''
        : complaints === ''
          ? `The compiler ended with ${String(exitCode)}.`
          : complaints,
  }
}

/** The fastest of three runs. If they are too slow, the machine may be busy: then the fastest of six. */
async function best(compiler: Compiler, folder: string, settings: Settings): Promise<Run> {
  const runs: [Run, ...Run[]] = [await check(compiler, folder, settings)]
  const least = (of: (run: Run) => number): number => Math.min(...runs.map(of))
  while (runs.length < 3 || (runs.length < 6 && least(({ seconds }) => seconds) > secondsAllowed))
    runs.push(await check(compiler, folder, settings))
  const run = runs.find(({ complaints }) => complaints !== '') ?? runs[0]
  const seconds = least((each) => each.seconds)
  return { ...run, seconds, processorSeconds: least((each) => each.processorSeconds) }
}

function problemsOf(run: Run): string[] {
  const { compiler, settings, complaints, files, instantiations } = run
  const who = `${compiler.name} (${settings})`
  if (complaints !== '') {
    const lines = complaints.split('\n')
    const rest = lines.length > 10 ? `\n… and ${lines.length - 10} more lines` : ''
    return [`${who} does not accept the application:\n${lines.slice(0, 10).join('\n')}${rest}`]
  }
  if (!(files > tableCount))
    return [`${who} expected more files than the ${tableCount} tables, got ${files}.`]
  if (instantiations <= instantiationsAllowed) return []
  return [`${who} expected at most ${instantiationsAllowed} instantiations, got ${instantiations}.`]
}

function print(runs: readonly Run[]): void {
  const rows = [
    ['compiler', 'settings', 'files', 'seconds', 'of processors', 'memory', 'instantiations'],
    ...runs.map((run) => [
      run.compiler.name,
      run.settings,
      String(run.files),
      run.seconds.toFixed(2),
      run.processorSeconds.toFixed(2),
      run.memory,
      String(run.instantiations),
    ]),
  ]
  console.log(textTable(rows))
}

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'types-scale-'))
try {
  const [current, previous] = [compilerIn('typescript'), compilerIn('typescript-5')]
  await installLibrary(folder, current)
  writeApplication(folder)
  const tables = await best(current, folder, 'strictest')
  const byHand = await best(current, folder, 'by hand')
  const runs = [
    tables,
    byHand,
    await check(current, folder, 'strict'),
    await check(previous, folder, 'strictest'),
  ]
  console.log(`${tableCount} tables in a ring, each used with references, a loader and a select`)
  print(runs)
  const times = tables.processorSeconds / byHand.processorSeconds
  console.log(
    `${times.toFixed(1)} times the work of interfaces written by hand. Limits: ${secondsAllowed} s, or on a slower ` +
      `machine ${timesByHandAllowed} times the work; ${instantiationsAllowed} instantiations.`,
  )
  const problems = runs.flatMap(problemsOf)
  if (tables.seconds > secondsAllowed && times > timesByHandAllowed)
    problems.push(
      `${tables.compiler.name} expected at most ${secondsAllowed} s or ${timesByHandAllowed} times the work, ` +
        `got ${tables.seconds} s and ${times.toFixed(1)} times.`,
    )
  for (const problem of problems) console.error(`\n${problem}`)
  if (problems.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
