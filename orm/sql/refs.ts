import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { ColumnNode } from './column.ts'
import { requireConditions } from './logic.ts'
import type { Condition } from './node.ts'
import { depthBelow, within } from './scope.ts'
import { joinedSource, type Source, subSource } from './source.ts'
import { standIn } from './stand-in.ts'
import { Exists, type Related, RelatedCount } from './sub-queries.ts'

const made = new WeakMap<Source, object>()

/** What callbacks see of a source: its columns and relations. Made once; a name that is neither is an error, not undefined. */
export function refsOf(source: Source): object {
  let refs = made.get(source)
  if (refs === undefined) made.set(source, (refs = makeRefs(source)))
  return refs
}

/** What a callback of a query gives. */
export function callWithRefs(source: Source, callback: unknown, where: string): unknown {
  if (typeof callback === 'function')
    return within(source, () => (callback as (refs: object) => unknown)(refsOf(source)))
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a callback such as (row) => …; came ${describe(callback)}`,
  )
}

/** A column of a source. */
export function columnRef(source: Source, property: string): ColumnNode {
  return (refsOf(source) as Record<string, ColumnNode>)[property] as ColumnNode
}

function makeRefs(source: Source, extra: Readonly<Record<string, unknown>> = {}): object {
  const { table } = source
  const columns: Record<string, unknown> = Object.fromEntries(
    table.columns.map((column) => [column.property, new ColumnNode(source, column)]),
  )
  const relations = new Map<string, object>()
  const target = Object.freeze(Object.assign(Object.create(null), extra, columns) as object)
  const refs = new Proxy(target, {
    get(known, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      const value = (known as Record<string, unknown>)[property]
      return value ?? relationRef(source, relations, property)
    },
  })
  return standIn(refs, `a row of ${table.entityName} in a callback`)
}

function relationRef(source: Source, relations: Map<string, object>, name: string): object {
  const known = relations.get(name)
  if (known !== undefined) return known
  const { table } = source
  if (!table.relationNames.includes(name)) throw unknownError(table, name)
  const relation = table.relation(name)
  const reference =
    relation.cardinality === 'one' ? toOne(source, relation) : toMany(source, relation)
  relations.set(name, reference)
  return reference
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
  }
  const ref = new Proxy(Object.freeze(methods), {
    get(known, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      if (Object.hasOwn(known, property)) return known[property as keyof typeof known]
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${nameOf(relation)} leads to many rows and has no ${property}; it has any, none, every and count, ` +
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
    const source = (sources[depth] ??= subSource(relation.target, depth))
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
    `${nameOf(relation)}.${method}() expected a callback such as (row) => row.id.gt(1); came ${describe(given)}`,
  )
}

function nameOf({ owner, name }: RelationMetadata): string {
  return `${owner.entityName}.${name}`
}
