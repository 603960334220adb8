import type { DatabaseContract, RouteContract, StatementContract } from './contract.ts'
import { type Pair, pairsOf } from './pairs.ts'
import { isEager } from './origin.ts'
import { planDifferences } from './plan-difference.ts'

/** What has changed, a line for each change. Empty if nothing has. */
export function differences(before: DatabaseContract, now: DatabaseContract): readonly string[] {
  const names = [...new Set([...Object.keys(before.routes), ...Object.keys(now.routes)])]
  const routes = names.map((name) => ({ name, was: before.routes[name], is: now.routes[name] }))
  const own = routes.flatMap(({ name, was, is }) => {
    if (was === undefined) return [`${name}: is new`]
    if (is === undefined) return [`${name}: is gone`]
    return routeDifferences(was, is).map((line) => `${name}: ${line}`)
  })
  return [...own, ...planDifferences(before, now)]
}

function routeDifferences(before: RouteContract, now: RouteContract): readonly string[] {
  return [
    ...(before.status === now.status ? [] : [`status ${before.status} → ${now.status}`]),
    ...pairsOf(before.statements, now.statements).flatMap(statementDifferences),
    ...transactionDifferences(before.transaction, now.transaction),
  ]
}

function statementDifferences({ before, now }: Pair): readonly string[] {
  if (before === undefined) return now === undefined ? [] : [added(now)]
  if (now === undefined) return [removed(before)]
  const origin = before.by === now.by ? '' : `; ${isGone(before.by)}, ${now.by} has come`
  const times = before.times === now.times ? '' : `: ${before.times} → ${now.times}`
  const text =
    before.sql === now.sql || origin !== ''
      ? ''
      : ` has another text\n    - ${before.sql}\n    + ${now.sql}`
  if (origin === '' && times === '' && text === '') return []
  const by = origin === '' ? ` by ${now.by}` : ''
  return [`${now.summary}${by}${times}${origin}${text}`]
}

function added({ summary, by, times }: StatementContract): string {
  return `${summary} by ${by}: 0 → ${times}`
}

function removed({ summary, by, times }: StatementContract): string {
  return `${summary}: ${times} → 0; ${isGone(by)}`
}

function isGone(by: string): string {
  return isEager(by) ? `the loader ${by} is gone` : `${by} is gone`
}

function transactionDifferences(
  before: RouteContract['transaction'],
  now: RouteContract['transaction'],
): readonly string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return keys.flatMap((key) => {
    const [was, is] = [before[key] ?? '0', now[key] ?? '0']
    return was === is ? [] : [`${key}: ${was} → ${is}`]
  })
}
