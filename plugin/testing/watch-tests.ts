import { existsSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { afterAll, aroundEach, type RunnerTask, type RunnerTestFile, TestRunner } from 'vitest'
import { type Finding, type Recording, recordOthers } from '../../orm/index.ts'
import { type BaselineEntry, identityOf, keyOf, mergeBaseline, readBaseline } from './baseline.ts'
import { findingsText } from './messages.ts'
import { Recorder } from './recorder.ts'

export interface WatchTestsOptions {
  /**
   * A file with findings that fail no test, such as `'.data-bridge-n1.json'`, from the working directory. A run with
   * `DATA_BRIDGE_UPDATE_BASELINE=1` adds what it finds, and never deletes an entry.
   */
  readonly baseline?: string
}

interface Baseline {
  readonly path: string
  readonly entries: readonly BaselineEntry[]
  readonly isUpdated: boolean
}

let baseline: Baseline | undefined
const watchedFiles = new WeakSet<object>()
const running = new Set<Recorder>()
const warned = new Set<string>()

/**
 * Fails every test in which N+1 patterns are found. A setup file that imports `fastify-data-bridge/testing/vitest` does so
 * already. Call it to set options, and in a setup file of your own if `isolate` is `false`: vitest then imports a package
 * only for the first test file of a process.
 *
 * @throws if the baseline is a file of another kind
 *
 * @example
 * ```ts
 * import { watchTests } from 'fastify-data-bridge/testing/vitest'
 *
 * watchTests({ baseline: '.data-bridge-n1.json' })
 * ```
 */
export function watchTests(options: WatchTestsOptions = {}): void {
  if (options.baseline !== undefined) {
    const path = resolve(options.baseline)
    const isUpdated = process.env['DATA_BRIDGE_UPDATE_BASELINE'] === '1'
    baseline = { path, entries: readBaseline(path), isUpdated }
  }
  // The suite of a file is one object for all files of a process, its file is not.
  const suite = TestRunner.getCurrentSuite()
  const file = suite.file ?? suite
  if (watchedFiles.has(file)) return
  watchedFiles.add(file)
  recordOthers(ofSockets)
  watchFile()
}

/** Sessions of requests over real sockets belong to the test that has begun last. */
const ofSockets: Recording = {
  get detects() {
    return running.size > 0
  },
  sessionBegun: (unit) => [...running].at(-1)?.sessionBegun(unit) ?? {},
}

function watchFile(): void {
  const seen = new Map<string, BaselineEntry>()
  let file: RunnerTestFile | undefined

  aroundEach(async (runTest, { task }) => {
    file = task.file
    const recorder = new Recorder()
    running.add(recorder)
    try {
      await recorder.during(runTest)
    } finally {
      running.delete(recorder)
    }
    const findings = recorder.unexpected.filter(({ severity }) => severity !== 'info')
    for (const finding of findings) {
      const entry = { ...identityOf(finding), tests: [nameOf(task.file)] }
      seen.set(keyOf(entry), entry)
    }
    const failing = findings.filter((finding) => !isForgiven(finding))
    // A test that has failed for another reason says that reason only.
    if (failing.length > 0 && task.result?.state !== 'fail') throw new Error(messageOf(failing))
  })

  afterAll(async () => {
    if (baseline === undefined || file === undefined) return
    if (baseline.isUpdated) {
      if (seen.size > 0) await mergeBaseline(baseline.path, [...seen.values()])
    } else warnOfStale(baseline, file, seen)
  })
}

function isForgiven(finding: Finding): boolean {
  if (baseline === undefined) return false
  if (baseline.isUpdated) return true
  const key = keyOf(identityOf(finding))
  return baseline.entries.some((entry) => keyOf(entry) === key)
}

function messageOf(failing: readonly Finding[]): string {
  const ways =
    'If it is meant to be: expectFindings(fn), ignoreFindings(reason), or a baseline, see docs/testing.md.'
  return `Expected no N+1 pattern in the test, got:\n\n${findingsText(failing)}\n\n${ways}`
}

/** What was not found by the tests that had found it. Only if all of them ran: the others might find it. */
function warnOfStale(
  { entries, path }: Baseline,
  file: RunnerTestFile,
  seen: ReadonlyMap<string, BaselineEntry>,
): void {
  const name = nameOf(file)
  const hasRun = file.tasks.every(haveAllRun)
  for (const entry of entries) {
    const key = keyOf(entry)
    const isGone = hasRun && entry.tests.includes(name) && !seen.has(key)
    const hasNoTest = entry.tests.every((test) => !existsSync(test))
    if ((!isGone && !hasNoTest) || warned.has(key)) continue
    warned.add(key)
    process.emitWarning(
      `${entry.kind} ${entry.target} is not found any more in ${entry.tests.join(', ')}: remove it from ${path}`,
      { code: 'DATA_BRIDGE_BASELINE_STALE' },
    )
  }
}

function haveAllRun(task: RunnerTask): boolean {
  if (task.type === 'suite') return task.mode === 'run' && task.tasks.every(haveAllRun)
  return task.result?.state === 'pass'
}

function nameOf({ filepath }: RunnerTestFile): string {
  return relative(process.cwd(), filepath).split(sep).join('/')
}
