import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { ColumnNode } from './column.ts'
import { requireConditions } from './logic.ts'
import type { Condition } from './node.ts'
import { requireOrders } from './ordering.ts'
import { listOptions, RelatedList } from './related-list.ts'
import { depthBelow, isCaptured, within } from './scope.ts'
import { joinedSource, type Source, subSource } from './source.ts'
import { standIn } from './stand-in.ts'
import { Exists, type Related, RelatedCount } from './sub-queries.ts'

const made = new WeakMap<Source, object>()
const sources = new WeakMap<object, Source>()

/** What callbacks see of a source: its columns and relations. Made once; a name that is neither is an error, not undefined. */
function refsOf(source: Source): object {
  let refs = made.get(source)
  if (refs === undefined) made.set(source, (refs = makeRefs(source)))
  return refs
}

/** Says what callbacks see of rows that are no entities. */
export function useRefs(source: Source, refs: object): void {
  made.set(source, refs)
}

/**
 * What a callback of a query gives.
 *
 * @param joined the sources that the program has joined to the query
 */
export function callWithRefs(
  source: Source,
  callback: unknown,
  where: string,
  joined: readonly Source[] = noSources,
): unknown {
  if (typeof callback !== 'function') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a callback such as (row) => …, got ${describe(callback)}`,
    )
  }
  if (isCaptured(source)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} was called in a callback of another query of the same rows, and expected a query that begins there: ` +
        'begin it with find() in the callback, so that its columns are not taken for those of the other query',
    )
  }
  const call = callback as (...refs: readonly object[]) => unknown
  return within(source, () => call(refsOf(source), ...joined.map(refsOf)))
}

const noSources: readonly Source[] = Object.freeze([])

/** The source that a row or a to-one relation in a callback stands for; undefined of anything else. */
export function sourceOfRefs(refs: unknown): Source | undefined {
  return typeof refs === 'object' && refs !== null ? sources.get(refs) : undefined
}

/** A column of a source. */
export function columnRef(source: Source, property: string): ColumnNode {
  return (refsOf(source) as Record<string, ColumnNode>)[property] as ColumnNode
}

function makeRefs(source: Source, extra: Readonly<Record<string, unknown>> = {}): object {
  const { table } = source
  // The names that there are, are plain properties, which are faster to read than those of a Proxy.
  const refs = Object.assign(Object.create(strangers(table)) as object, extra)
  for (const column of table.columns)
    Object.defineProperty(refs, column.property, {
      value: new ColumnNode(source, column),
      enumerable: true,
    })
  for (const name of table.relationNames) defineRelation(refs, source, name)
  sources.set(Object.freeze(refs), source)
  return standIn(refs, `a row of ${table.entityName} in a callback`)
}

/** A relation is looked up when it is first asked for, since entities may refer to each other. */
function defineRelation(refs: object, source: Source, name: string): void {
  let reference: object | undefined
  const make = (): object => {
    const relation = source.table.relation(name)
    return relation.cardinality === 'one' ? toOne(source, relation) : toMany(source, relation)
  }
  Object.defineProperty(refs, name, { get: () => (reference ??= make()), enumerable: true })
}

// What promises and JSON ask any object for; no column can have these names.
const askedOfAnything: ReadonlySet<string> = new Set(['then', 'toJSON'])

/** What is behind the references of a table: a name that it does not have is an error. */
function strangers(table: TableMetadata): object {
  return new Proxy(Object.freeze(Object.create(null) as object), {
    get(_, property) {
      if (typeof property === 'symbol' || askedOfAnything.has(property)) return undefined
      throw unknownError(table, property)
    },
  })
}

function unknownError(table: TableMetadata, name: string): DataBridgeError {
  const { columnOf, relationNames } = table
  const relations = relationNames.length === 0 ? '' : `, and the relations ${listed(relationNames)}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${table.entityName} has no column ${name}; it has ${listed([...columnOf.keys()])}${relations}`,
  )
}

type Where = ((row: never) => Condition) | undefined

/** A to-one relation: the target's columns and relations, joined where they are used, and `has`. */
function toOne(owner: Source, relation: RelationMetadata): object {
  const related = relatedBy(owner, relation)
  const has = (where?: Where): Condition => new Exists(related('has', where), false)
  return makeRefs(joinedSource(owner, relation), { has })
}

function toMany(owner: Source, relation: RelationMetadata): object {
  const related = relatedBy(owner, relation)
  const methods = {
    any: (where?: Where): Condition => new Exists(related('any', where), false),
    none: (where?: Where): Condition => new Exists(related('none', where), true),
    every(where: Where): Condition {
      if (where === undefined) throw callbackError(relation, 'every', where)
      return new Exists({ ...related('every', where), isInverted: true }, true)
    },
    count: (where?: Where): RelatedCount => new RelatedCount(related('count', where)),
    list(value: unknown, options?: unknown): RelatedList {
      const place = `${nameOf(relation)}.list()`
      const { filter, orderBy } = listOptions(options, place)
      const rows = related('list', filter)
      const call = (callback: unknown): unknown => callWithRefs(rows.source, callback, place)
      const orders = orderBy === undefined ? [] : requireOrders(call(orderBy), place)
      return new RelatedList(rows, call(value), orders, place)
    },
  }
  const ref = new Proxy(Object.freeze(methods), {
    get(known, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      if (Object.hasOwn(known, property)) return known[property as keyof typeof known]
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${nameOf(relation)} leads to many rows and has no ${property}; it has any, none, every, count and list, ` +
          `such as any((row) => row.${property}…)`,
      )
    },
  })
  return standIn(ref, `the relation ${nameOf(relation)}`)
}

/** What begins the sub-queries of a relation. Their sources are made once for each depth. */
function relatedBy(
  owner: Source,
  relation: RelationMetadata,
): (method: string, where: Where) => Related {
  const sources: Source[] = []
  return (method, where) => {
    const depth = depthBelow(owner)
    const source = (sources[depth] ??= subSource(owner, relation, depth))
    if (where === undefined) return { owner, relation, source, where: undefined, isInverted: false }
    if (typeof where !== 'function') throw callbackError(relation, method, where)
    const place = `${nameOf(relation)}.${method}()`
    const condition = callWithRefs(source, where, place)
    requireConditions(place, [condition])
    return { owner, relation, source, where: condition as Condition, isInverted: false }
  }
}

function callbackError(
  relation: RelationMetadata,
  method: string,
  given: unknown,
): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${nameOf(relation)}.${method}() expected a callback such as (row) => row.id.gt(1), got ${describe(given)}`,
  )
}

function nameOf({ owner, name }: RelationMetadata): string {
  return `${owner.entityName}.${name}`
}
