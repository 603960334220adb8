import type { Costs } from '../rounds.ts'
import { markdownTable } from '../table.ts'
import { medianOf, noiseOf, type Ratio, ratioTo, throughputRatioTo } from './comparison.ts'
import { base, type EntrantName } from './names.ts'
import type { Results } from './results.ts'
import { routes } from './routes.ts'
import type { Verdict } from './verdicts.ts'
import { workloads } from './workloads.ts'

/** With more noise, ratios mean little. */
const mostNoise = 0.15

/** A line of a table: what was done, and what it cost everyone. */
interface Line {
  readonly title: string
  readonly costs: Costs
}

/** The tables of a run, as Markdown. */
export function reportOf(results: Results): string {
  return [directTables(results), distantTable(results), routeTables(results)]
    .flat()
    .filter((part) => part !== '')
    .join('\n\n')
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return ''
  const words = { kept: 'PASS', near: 'within the noise', missed: 'FAIL' } as const
  const rows = verdicts.map(({ title, outcome, found, limit }) => {
    const bound = title.includes('per second') ? 'at least' : 'at most'
    return [title, found.toFixed(2), `${bound} ${limit.toFixed(2)}`, words[outcome]]
  })
  return `### Limits of this package\n\n${markdownTable([['what', 'found', 'limit', ''], ...rows])}`
}

function directTables({ entrants, direct }: Results): readonly string[] {
  const lines = [...direct].map(([name, costs]) => ({ title: workloads[name].title, costs }))
  if (lines.length === 0) return []
  const costs = table(entrants, lines, {
    ofBase: (own) =>
      `${milliseconds(medianOf(own, base, 'wall'))} / ${milliseconds(medianOf(own, base, 'cpu'))} ms`,
    ofOther: (own, entrant) =>
      `${ratio(ratioTo(own, entrant, 'wall'))} / ${ratio(ratioTo(own, entrant, 'cpu'))}`,
  })
  const spreads = table(entrants, lines, {
    ofBase: () => '',
    ofOther: (own, entrant) =>
      `${spread(ratioTo(own, entrant, 'wall'))} / ${spread(ratioTo(own, entrant, 'cpu'))}`,
  })
  return [
    `### Elapsed / CPU\n\nOf unnamed \`pg\`: milliseconds of one turn. Of the others: ratios to it, medians of the rounds. Less is better.`,
    costs,
    `Half of the rounds lie between:`,
    spreads,
    noiseLine(lines),
  ]
}

function distantTable({ entrants, distant }: Results): readonly string[] {
  const lines = distant.map(({ workload, milliseconds: each, costs }) => ({
    title: `${workloads[workload].title}, ${each} ms each way`,
    costs,
  }))
  if (lines.length === 0) return []
  const elapsed = table(entrants, lines, {
    ofBase: (own) => `${milliseconds(medianOf(own, base, 'wall'))} ms`,
    ofOther: (own, entrant) => ratio(ratioTo(own, entrant, 'wall')),
  })
  return [
    `### Elapsed, through a proxy that adds latency\n\nOf unnamed \`pg\`: milliseconds of one turn. Of the others: ratios to it. Less is better.`,
    elapsed,
    noiseLine(lines),
  ]
}

function routeTables({ entrants, routes: measured }: Results): readonly string[] {
  const lines = [...measured].map(([name, costs]) => ({ title: routes[name].title, costs }))
  if (lines.length === 0) return []
  const costs = table(entrants, lines, {
    ofBase: (own) =>
      `${Math.round(1e6 / medianOf(own, base, 'wall'))}/s / ${Math.round(medianOf(own, base, 'cpu'))} µs`,
    ofOther: (own, entrant) =>
      `${ratio(throughputRatioTo(own, entrant))} / ${ratio(ratioTo(own, entrant, 'cpu'))}`,
  })
  return [
    `### HTTP, 16 connections: requests per second / CPU of the server for each request\n\nOf the others: ratios to unnamed \`pg\`. More requests are better, less CPU is better.`,
    costs,
    noiseLine(lines),
  ]
}

interface Cells {
  ofBase(costs: Costs): string
  ofOther(costs: Costs, entrant: EntrantName): string
}

function table(entrants: readonly EntrantName[], lines: readonly Line[], cells: Cells): string {
  const rows = lines.map(({ title, costs }) => [
    title,
    ...entrants.map((entrant) =>
      entrant === base ? cells.ofBase(costs) : cells.ofOther(costs, entrant),
    ),
  ])
  return markdownTable([['workload', ...entrants], ...rows])
}

function noiseLine(lines: readonly Line[]): string {
  const runs = lines.map(({ costs }) => costs)
  const [elapsed, cpu] = [noiseOf(runs, 'wall'), noiseOf(runs, 'cpu')]
  const percent = (noise: number): string => (noise * 100).toFixed(1)
  const found = `Noise: unnamed \`pg\` differs from itself by up to ${percent(elapsed)} % elapsed and ${percent(cpu)} % of CPU.`
  return Math.max(elapsed, cpu) > mostNoise
    ? `${found} The machine is busy: run it again when it is not.`
    : found
}

function milliseconds(microseconds: number): string {
  const value = microseconds / 1000
  return value.toFixed(value < 1 ? 3 : value < 100 ? 2 : 0)
}

function ratio({ median }: Ratio): string {
  return median.toFixed(2)
}

function spread({ low, high }: Ratio): string {
  return `${low.toFixed(2)}–${high.toFixed(2)}`
}
