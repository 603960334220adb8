import type { Costs } from '../rounds.ts'
import { median } from '../statistics.ts'
import { textTable } from '../table.ts'
import { loopKinds, loops } from './loops.ts'
import { off, queriesPerSession, type Variant, without } from './variants.ts'
import { type Added, cpuOf, loopSpanCost, ratioOf, spanCost, type Verdict } from './verdicts.ts'

/** Explains what is measured, and how. */
export const method: string = `Each session calls get() ${queriesPerSession} times. Every variant has its own process. Rounds take turns, in rotated
order. CPU is process.cpuUsage(), user and system, of all threads, including garbage collection.
All variants have the same SDK: a BatchSpanProcessor whose exporter counts the spans and drops them.`

export function fakeTable(costs: Costs, variants: readonly Variant[]): string {
  const title =
    'A client inside the process answers at once, so the figures show the CPU of the library, not of PostgreSQL.\n' +
    'µs for each query. Ratios are medians of the rounds. The cost of a span is what its variant adds to off.'
  const head = ['', 'CPU min', 'median', 'of without', 'of off', 'span min', 'median', 'meaning']
  const rows = variants.map((variant) => [
    variant.name,
    ...leastAndMedian(cpuOf(costs, variant)),
    ratio(ratioOf(costs, variant, without)),
    ratio(ratioOf(costs, variant, off)),
    ...spanCells(costs, variant),
    variant.meaning,
  ])
  return `${title}\n\n${textTable([head, ...rows])}`
}

export function loopTable(costs: Costs): string {
  const title = 'Spans on their own, created and ended in a loop. µs for each.'
  const head = ['', 'CPU min', 'median', 'span min', 'median', 'meaning']
  const rows = loopKinds.map((kind) => [
    kind,
    ...leastAndMedian(cpuOf(costs, { name: kind })),
    ...(loops[kind].hasSpan ? addedCells(loopSpanCost(costs, kind)) : ['', '']),
    loops[kind].meaning,
  ])
  return `${title}\n\n${textTable([head, ...rows])}`
}

export function realTable(costs: Costs, variants: readonly Variant[]): string {
  const title =
    'PostgreSQL on this machine, over TCP. µs for each query. CPU is that of the application only.'
  const head = ['', 'wall min', 'median', 'CPU min', 'median', 'of off', 'meaning']
  const rows = variants.map((variant) => [
    variant.name,
    ...leastAndMedian((costs.get(variant.name) ?? []).map(({ wall }) => wall)),
    ...leastAndMedian(cpuOf(costs, variant)),
    ratio(ratioOf(costs, variant, off)),
    variant.meaning,
  ])
  return `${title}\n\n${textTable([head, ...rows])}`
}

export function verdictLines(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ isKept, promise, found }) => `${isKept ? 'PASS' : 'FAIL'}  ${promise}: ${found}`)
    .join('\n')
}

function leastAndMedian(values: readonly number[]): [string, string] {
  return [Math.min(...values).toFixed(2), median(values).toFixed(2)]
}

function spanCells(costs: Costs, variant: Variant): [string, string] {
  return variant.spansPerSession === 0 ? ['', ''] : addedCells(spanCost(costs, variant))
}

function addedCells({ least, median: middle }: Added): [string, string] {
  return [least.toFixed(2), middle.toFixed(2)]
}

function ratio(value: number): string {
  return value.toFixed(3)
}
