import type { ColumnType } from '../schema/column-type.ts'
import { bigintTypes } from '../schema/types/integers.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from './identifier.ts'
import { ConditionNode } from './condition.ts'
import { writeFilter, writeFilterOf } from './defaults.ts'
import { linkAlias, writeLinked } from './link.ts'
import { type Condition, depthOfQuery, type Sink } from './node.ts'
import { OperandNode } from './operand.ts'
import { castOfPair } from './pair-cast.ts'
import type { Source } from './source.ts'
import type { TableCondition } from './table-condition.ts'

/** The rows that a relation leads to, and which of them are meant. */
export interface Related {
  readonly owner: Source
  readonly relation: RelationMetadata
  /** The target, in its own scope. */
  readonly source: Source
  readonly where: Condition | undefined
  /** Those are meant for which the condition does not hold. */
  readonly isInverted: boolean
}

export function shapeOf({ owner, relation, source, where, isInverted }: Related): string {
  const condition = where === undefined ? '' : `${isInverted ? '!' : ''}(${where.shape})`
  return `${owner.shape}_${relation.position}/${source.alias}${condition}`
}

/** ` from "comments" as "t1" where …`: each row behind the relation once. */
export function writeRows(
  sink: Sink,
  { owner, relation, source, where, isInverted }: Related,
  writeValue: () => void,
  writeOrder?: () => void,
): void {
  // Those of the query that the owner belongs to, which may be one around that in which this stands.
  const defaults = sink.defaultsFor(owner)
  const filter = defaults.behind(relation)
  const write = (from: () => void): void => {
    sink.text('select ')
    writeValue()
    from()
    const { through, pairs } = relation
    if (through === undefined) {
      sink.text(' where ')
      writePairs(sink, owner, source, pairs)
    } else {
      sink.text(' where ')
      writeLinked(sink, source, through, () => {
        through.from.forEach((pair, index) => {
          const [local, between] = pair
          sink.text(`${index === 0 ? '' : ' and '}${linkAlias(source)}.${quote(between.name)} = `)
          sink.column(owner, local.name)
          sink.text(castOfPair(pair))
        })
      })
    }
    writeFilter(sink, ' and ', filter, source)
    if (relation.cardinality === 'one') writeOnlyRow(sink, owner, source, pairs, filter)
    if (where !== undefined) {
      sink.text(' and (')
      where.write(sink)
      sink.text(isInverted ? ') is not true' : ')')
    }
    writeOrder?.()
  }
  sink.scope(source, write, defaults)
}

/** Of several rows behind a to-one relation the one that loading it gives: see the join. */
function writeOnlyRow(
  sink: Sink,
  owner: Source,
  source: Source,
  pairs: readonly ColumnPair[],
  filter: TableCondition | undefined,
): void {
  const { table } = source
  if (table.isUnique(pairs.map(([, remote]) => remote))) return
  const row = quote('row')
  const key = table.primaryKey.map(({ name }) => `${row}.${quote(name)}`).join(', ')
  sink.text(' and (')
  table.primaryKey.forEach(({ name }, index) => {
    if (index > 0) sink.text(', ')
    sink.column(source, name)
  })
  sink.text(`) = (select ${key} from ${quoteTable(table)} as ${row} where `)
  pairs.forEach((pair, index) => {
    const [local, remote] = pair
    sink.text(`${index === 0 ? '' : ' and '}${row}.${quote(remote.name)} = `)
    sink.column(owner, local.name)
    sink.text(castOfPair(pair))
  })
  writeFilterOf(sink, ' and ', filter, row)
  sink.text(` order by ${key} limit 1)`)
}

function writePairs(sink: Sink, owner: Source, source: Source, pairs: readonly ColumnPair[]): void {
  pairs.forEach((pair, index) => {
    const [local, remote] = pair
    if (index > 0) sink.text(' and ')
    sink.column(source, remote.name)
    sink.text(' = ')
    sink.column(owner, local.name)
    sink.text(castOfPair(pair))
  })
}

/** Whether a relation leads to a row that is meant. */
export class Exists extends ConditionNode {
  readonly depth: number
  readonly shape: string
  readonly #related: Related
  readonly #isNegated: boolean

  constructor(related: Related, isNegated: boolean) {
    super()
    this.#related = related
    this.#isNegated = isNegated
    this.depth = depthOfQuery(related.where)
    this.shape = `${isNegated ? 'none' : 'any'}${shapeOf(related)}`
  }

  write(sink: Sink): void {
    sink.text(this.#isNegated ? 'not exists (' : 'exists (')
    writeRows(sink, this.#related, () => sink.text('1'))
    sink.text(')')
  }
}

/** To how many rows a relation leads. */
export class RelatedCount extends OperandNode {
  readonly type: ColumnType = bigintTypes.number
  readonly shape: string
  override readonly depth: number
  readonly #related: Related

  constructor(related: Related) {
    super()
    this.#related = related
    this.depth = depthOfQuery(related.where)
    this.shape = `count${shapeOf(related)}`
  }

  write(sink: Sink): void {
    sink.text('(')
    writeRows(sink, this.#related, () => sink.text('count(*)'))
    sink.text(')')
  }

  decode(text: string | null): unknown {
    return text === null ? null : Number(text)
  }

  get label(): string {
    const { relation } = this.#related
    return `${relation.owner.entityName}.${relation.name}.count()`
  }
}
