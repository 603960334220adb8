import type { ReadableSpan } from '@opentelemetry/sdk-trace'

interface Node {
  readonly label: string
  readonly ms: number
  readonly children: readonly Node[]
}

/** Prints spans as the lines of a tree: name, attributes, duration. Equal spans in a row share a line. */
export function treeLines(spans: readonly ReadableSpan[]): readonly string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId))
  const begun = spans.toSorted((a, b) => milliseconds(a.startTime) - milliseconds(b.startTime))
  const nodesBelow = (parent: string | undefined): Node[] =>
    begun
      .filter(({ parentSpanContext }) => {
        const id = parentSpanContext?.spanId
        return parent === undefined ? id === undefined || !ids.has(id) : id === parent
      })
      .map((span) => ({
        label: labelOf(span),
        ms: milliseconds(span.duration),
        children: [...nodesBelow(span.spanContext().spanId), ...eventsOf(span)],
      }))
  return nodesBelow(undefined).flatMap((root) => [lineOf([root]), ...linesBelow(root.children, '')])
}

function linesBelow(nodes: readonly Node[], indent: string): readonly string[] {
  const groups = inRows(nodes)
  return groups.flatMap((group, index) => {
    const isLast = index === groups.length - 1
    const [first] = group as [Node]
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${lineOf(group)}`,
      ...linesBelow(first.children, `${indent}${isLast ? '   ' : '│  '}`),
    ]
  })
}

/** Groups neighbours that look the same and have no children. */
function inRows(nodes: readonly Node[]): Node[][] {
  const rows: Node[][] = []
  for (const node of nodes) {
    const row = rows.at(-1)
    const isSame = row?.[0]?.label === node.label && node.children.length === 0
    if (isSame) row?.push(node)
    else rows.push([node])
  }
  return rows
}

function lineOf(row: readonly Node[]): string {
  const ms = row.reduce((sum, node) => sum + node.ms, 0)
  const times = row.length === 1 ? '' : ` × ${row.length}`
  return `${row[0]?.label}${times}${ms === 0 ? '' : ` [${ms.toFixed(1)} ms]`}`
}

const shown: Readonly<Record<string, string>> = {
  'http.request.method': '',
  'url.path': '',
  'http.response.status_code': '',
  'db.collection.name': '',
  'db.relationship.name': 'relation',
  'db.query.filters_count': 'filters',
  'db.query.limit': 'limit',
  'db.relationship.batch_count': 'batch',
  'db.relationship.depth': 'depth',
  'db.relationship.cache_hit': 'cache_hit',
  'db.session.pending_count': 'pending',
  'db.session.dirty_count': 'dirty',
  'db.session.deleted_count': 'deleted',
  'db.result.count': 'result',
  'error.type': 'error',
  'db.request.query_count': 'queries',
}

function labelOf({ name, attributes }: ReadableSpan): string {
  const facts = Object.entries(shown)
    .filter(([attribute]) => attributes[attribute] !== undefined)
    .map(
      ([attribute, short]) => `${short === '' ? '' : `${short}=`}${String(attributes[attribute])}`,
    )
  return [name, ...facts].join(' ')
}

function eventsOf({ events }: ReadableSpan): Node[] {
  return events
    .filter(({ name }) => name === 'db.n_plus_one')
    .map(({ name, attributes = {} }) => ({
      label:
        `event ${name} ${String(attributes['db.n_plus_one.target'])} ` +
        `count=${String(attributes['db.n_plus_one.count'])}: ${String(attributes['db.n_plus_one.suggestion'])}`,
      ms: 0,
      children: [],
    }))
}

function milliseconds([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1000 + nanoseconds / 1e6
}
