import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Finding } from '../../orm/index.ts'

/** What a finding is known by: never a line, a number or a test. */
export interface BaselineEntry {
  readonly kind: string
  readonly target: string
  /** Of statements that no relation and no entity names. */
  readonly file?: string
  readonly function?: string
  /** The test files that have found it: the warning that it is gone needs them. They are not part of what it is known by. */
  readonly tests: readonly string[]
}

interface Baseline {
  readonly version: 1
  readonly findings: readonly BaselineEntry[]
}

/** What one finding is known by. */
export function identityOf({ kind, target, site }: Finding): Omit<BaselineEntry, 'tests'> {
  const isNamed = kind === 'n1.relation' || kind === 'n1.get' || site === undefined
  if (isNamed) return { kind, target }
  const { file, function: name } = site
  return {
    kind,
    target,
    file: file.split(sep).join('/'),
    ...(name !== undefined && { function: name }),
  }
}

/** Whether two are the same finding. */
export function keyOf({
  kind,
  target,
  file,
  function: name,
}: Omit<BaselineEntry, 'tests'>): string {
  return JSON.stringify([kind, target, file ?? '', name ?? ''])
}

/**
 * The entries of a file; none if there is no such file.
 *
 * @throws if the file is something else: it must not be overwritten, nor forgive nothing without a word
 */
export function readBaseline(path: string): readonly BaselineEntry[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  try {
    const read: unknown = JSON.parse(text)
    if (isBaseline(read)) return read.findings
  } catch (error) {
    throw new Error(`${explained(path)} ${String(error)}`, { cause: error })
  }
  throw new Error(explained(path))
}

function explained(path: string): string {
  return `Expected the baseline ${path} to be { "version": 1, "findings": [{ "kind", "target", "tests" }] }, got something else. Restore it, or delete it and make it anew with DATA_BRIDGE_UPDATE_BASELINE=1.`
}

function isBaseline(value: unknown): value is Baseline {
  if (typeof value !== 'object' || value === null) return false
  const { version, findings } = value as Partial<Baseline>
  return version === 1 && Array.isArray(findings) && findings.every(isEntry)
}

function isEntry(value: unknown): value is BaselineEntry {
  if (typeof value !== 'object' || value === null) return false
  const { kind, target, file, function: name, tests } = value as Record<string, unknown>
  const areTexts = [kind, target].every((each) => typeof each === 'string')
  const mayBeTexts = [file, name].every((each) => each === undefined || typeof each === 'string')
  const haveTests = Array.isArray(tests) && tests.every((each) => typeof each === 'string')
  return areTexts && mayBeTexts && haveTests
}

/** Adds entries to a file and deletes none. Processes that do so at the same time wait for each other. */
export async function mergeBaseline(path: string, added: readonly BaselineEntry[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const lock = `${path}.lock`
  await take(lock)
  try {
    const merged = merge([...readBaseline(path), ...added])
    const text = `${JSON.stringify({ version: 1, findings: merged } satisfies Baseline, null, 2)}\n`
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return
    // Whoever reads it sees all of the old or all of the new.
    const temporary = `${path}.${process.pid}.tmp`
    await writeFile(temporary, text)
    await rename(temporary, path)
  } finally {
    await rm(lock, { force: true })
  }
}

function merge(entries: readonly BaselineEntry[]): BaselineEntry[] {
  const merged = new Map<string, BaselineEntry>()
  for (const entry of entries) {
    const known = merged.get(keyOf(entry))
    const tests = [...new Set([...(known?.tests ?? []), ...entry.tests])].sort()
    merged.set(keyOf(entry), { ...(known ?? entry), tests })
  }
  return [...merged].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry)
}

// Of a process that was ended while it wrote.
const oldestLockMs = 10_000

async function take(lock: string): Promise<void> {
  for (;;) {
    try {
      await (await open(lock, 'wx')).close()
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const age = await stat(lock).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > oldestLockMs) await rm(lock, { force: true })
    else await setTimeout(10)
  }
}
