import {
  type Finding,
  type Observer,
  type Operation,
  type Recording,
  recordingScope,
  type SentStatement,
  type SessionStats,
  type Site,
  siteOf,
  type StatementEnd,
} from '../../orm/index.ts'
import { normalized, reads, tablesIn, verbOf } from './normalized-sql.ts'
import type { ImplicitLoad, QueryCounts, QueryRecord, RecordedStatement } from './query-record.ts'

interface Unit {
  readonly stats: SessionStats
}

/** A statement that was sent, and how it ended. */
interface Sent {
  readonly statement: SentStatement
  rows: number | undefined
  durationMs: number
  error?: unknown
}

// What a person reads of a test is less.
const mostStatements = 1_000
// What is found in older ones is taken from them, so that they can be forgotten.
const mostUnits = 1_000

/** Records the sessions that begin in a function. */
export class Recorder implements Recording {
  readonly outer: Recording | undefined
  route: string | undefined
  /** Whether the test has said that its findings are no failure. */
  ignoresFindings = false
  readonly #units = new Set<Unit>()
  readonly #statements: Sent[] = []
  #settled: readonly Finding[] = []
  #sessions = 0
  #durationMs = 0
  readonly #counts = { total: 0, select: 0, insert: 0, update: 0, delete: 0, write: 0 }
  #hasEnded = false

  constructor(outer: Recording | undefined = recordingScope.getStore()) {
    this.outer = outer
  }

  get detects(): boolean {
    return !this.#hasEnded
  }

  sessionBegun(unit: Unit): Observer {
    if (this.#hasEnded) return nothing
    this.#sessions += 1
    this.#units.add(unit)
    if (this.#units.size > mostUnits) this.#settleOldest()
    return this.#observer
  }

  /** Runs a function in whose context all sessions are recorded. */
  async during<T>(fn: () => T): Promise<Awaited<T>> {
    try {
      // What begins its work when it is awaited, such as a query, does it in the context too.
      return await recordingScope.run(this, async () => await fn())
    } finally {
      this.#hasEnded = true
    }
  }

  get findings(): readonly Finding[] {
    return [...this.#settled, ...[...this.#units].flatMap(({ stats }) => stats.findings)]
  }

  /** What was recorded so far. */
  get record(): QueryRecord {
    const findings = this.findings
    const statements = this.#statements.map(recorded)
    const counts: QueryCounts = { ...this.#counts }
    const record: QueryRecord = Object.freeze({
      route: this.route,
      sessions: this.#sessions,
      queryCount: counts.total,
      durationMs: this.#durationMs,
      counts: Object.freeze(counts),
      statements: Object.freeze(statements),
      truncated: counts.total > statements.length,
      tables: Object.freeze([...new Set(statements.flatMap(({ sql }) => tablesIn(sql)))].sort()),
      findings: Object.freeze(findings),
      implicitLoads: Object.freeze(implicitLoadsOf(this.#statements)),
      inconclusive: Object.freeze(inconclusiveOf(findings)),
    })
    recorders.set(record, this)
    return record
  }

  /** The requests and jobs whose findings are expected are nobody's business any more. */
  expectFindings(): void {
    for (const unit of this.#units) expected.add(unit)
  }

  /** The findings that nobody has expected. */
  get unexpected(): readonly Finding[] {
    if (this.ignoresFindings) return []
    const units = [...this.#units].filter((unit) => !expected.has(unit))
    return [...this.#settled, ...units.flatMap(({ stats }) => stats.findings)]
  }

  #settleOldest(): void {
    const [oldest] = this.#units
    if (oldest === undefined) return
    this.#units.delete(oldest)
    if (expected.has(oldest)) return
    this.#settled = [...this.#settled, ...oldest.stats.findings].slice(0, mostUnits)
  }

  // One for all sessions.
  readonly #observer: Observer = {
    statementSent: (statement) => this.#sent(statement),
  }

  #sent(statement: SentStatement): StatementEnd {
    if (statement.kind === 'control') return this.#controlEnded
    this.#count(statement)
    const sent: Sent = { statement, rows: undefined, durationMs: 0 }
    if (this.#statements.length < mostStatements) this.#statements.push(sent)
    return ({ durationMs, rows, error }) => {
      this.#durationMs += durationMs
      sent.durationMs = durationMs
      sent.rows = rows
      if (error !== undefined) sent.error = error
    }
  }

  readonly #controlEnded: StatementEnd = ({ durationMs }) => {
    this.#durationMs += durationMs
  }

  #count({ text, summary }: SentStatement): void {
    const verb = verbOf(text, summary)
    const counts = this.#counts
    counts.total += 1
    if (!reads(verb)) counts.write += 1
    if (verb === 'select' || verb === 'insert' || verb === 'update' || verb === 'delete')
      counts[verb] += 1
  }
}

const nothing: Observer = Object.freeze({})

const expected = new WeakSet<Unit>()
const recorders = new WeakMap<QueryRecord, Recorder>()

/** What has made a record; undefined if it was made by hand. */
export function recorderOf(record: QueryRecord): Recorder | undefined {
  return recorders.get(record)
}

function recorded({ statement, rows, durationMs, error }: Sent): RecordedStatement {
  const { text, summary, operation } = statement
  const site = siteIn(operation)
  return Object.freeze({
    sql: normalized(text),
    kind: reads(verbOf(text, summary)) ? 'read' : 'write',
    summary,
    operation: operation?.kind === 'relationship' ? operation.strategy : operation?.name,
    rows,
    durationMs,
    ...(error !== undefined && { error }),
    ...(site !== undefined && { site }),
  })
}

function siteIn(operation: Operation | undefined): Site | undefined {
  for (let each = operation; each !== undefined; each = each.parent)
    if (each.site !== undefined) return siteOf(each.site)
  return undefined
}

function implicitLoadsOf(statements: readonly Sent[]): ImplicitLoad[] {
  const loads = new Map<string, { count: number; site: Site | undefined }>()
  for (const {
    statement: { operation },
  } of statements) {
    if (operation?.kind !== 'relationship') continue
    const { strategy, relation } = operation
    if (strategy !== 'select' && strategy !== 'peers') continue
    const name = `${relation.owner.entityName}.${relation.name}`
    const known = loads.get(name)
    if (known === undefined) loads.set(name, { count: 1, site: siteIn(operation) })
    else known.count += 1
  }
  return [...loads].map(([relation, { count, site }]) =>
    Object.freeze({ relation, count, ...(site !== undefined && { site }) }),
  )
}

function inconclusiveOf(findings: readonly Finding[]): string[] {
  const latent = findings.filter(({ kind }) => kind === 'n1.latent')
  return [...new Set(latent.map(({ target }) => target))]
}
