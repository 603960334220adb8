import type { TableMetadata } from '../schema/metadata.ts'
import type { RowColumns } from '../schema/row-columns.ts'
import { arrayParameter } from './array-parameter.ts'
import { quote, quoteTable } from './identifier.ts'
import { nextVersion, positions } from './keyed-rows.ts'
import { shapesOf, type Sink, type SqlNode, writeEnclosed } from './node.ts'
import { hasChoice, type HeldRows, type QueryWrite, type WantedRows } from './query-write.ts'
import type { Projection } from './projections.ts'
import { Select, writeWhere } from './select.ts'
import type { TableFacts } from './table-facts.ts'
import { TargetSink } from './target-sink.ts'
import { isInUniqueKey } from './unique-keys.ts'

// Names that no table and no column of a `sql` template has.
const chosen = quote('#chosen')
const numbered = quote('#numbered')
const written = quote('#written')
const kept = quote('#kept')
const given = quote('#given')
const place = quote('#')

/**
 * An UPDATE or a DELETE by a query. In its largest form:
 *
 * with "#chosen" as materialized (select the keys … order by … limit … for update),
 * "#written" as (update … from "#chosen" where … returning …)
 * select what the program asked for, and the rows that the session holds
 */
export class QueryWriteNode implements SqlNode {
  readonly shape: string
  /** Whether a SELECT around it gives only the rows that are asked for. */
  readonly isWrapped: boolean
  /** Whether each row comes with its place in the order of the query. */
  readonly hasPlace: boolean
  readonly #write: QueryWrite
  readonly #facts: TableFacts
  readonly #held: HeldRows | undefined
  readonly #choice: Select | undefined
  /** Whether the choice is a condition of the write: PostgreSQL refuses WITH where rules make several statements of one. */
  readonly #isInline: boolean
  /** The lock of the chosen rows: what others change before must still be what was chosen. */
  readonly #lock: string

  constructor(write: QueryWrite, facts: TableFacts, held: HeldRows | undefined) {
    const { verb, from, defaults, changes, returning, orders, lock } = write
    this.#write = write
    this.#facts = facts
    this.#held = held
    this.#choice = hasChoice(write) ? choiceOf(write) : undefined
    this.#lock = lock === undefined && facts.mayLock ? lockOf(write, facts) : ''
    this.#isInline = facts.known !== undefined && !facts.isStored && lock === undefined
    this.isWrapped = held !== undefined && facts.isStored
    this.hasPlace = returning !== undefined && orders.length > 0 && !this.#isInline
    const sets = changes.map(({ column, value }) => `${column.position}=${value.shape}`).join()
    const found = this.#choice?.shape ?? write.where?.shape ?? ''
    const known =
      held === undefined
        ? ''
        : `held(${held.columns.shape}|${held.wanted.map(({ columns }) => positions(columns)).join(';')})`
    this.shape = `${verb}${this.isWrapped ? ' wrapped' : this.#isInline ? ' inline' : ''}(${sets})${this.#choice === undefined ? '' : 'chosen'}(${found})${this.#lock}${
      returning === undefined ? '' : `giving(${shapesOf(returning)})`
    }${known}|${from.shape}${defaults.shape}${facts.shape}`
  }

  write(sink: Sink): void {
    const choice = this.#isInline ? undefined : this.#choice
    if (choice !== undefined) {
      sink.text('with ')
      this.#writeChoice(sink, choice)
      sink.text(this.isWrapped ? ', ' : ' ')
    } else if (this.isWrapped) sink.text('with ')
    if (this.isWrapped) sink.text(`${written} (${this.#names().join(', ')}) as (`)
    this.#writeTarget(sink)
    if (!this.isWrapped || this.#held === undefined) return
    sink.text(') ')
    this.#writeResult(sink, this.#held)
  }

  /** The names of what the rows give: the columns of the table, the place, and what the program asked for. */
  #names(): readonly string[] {
    const { returning = [] } = this.#write
    return [
      ...(this.#held?.columns.list.map((_, index) => columnName(index)) ?? []),
      ...(this.hasPlace ? [place] : []),
      ...returning.map((_, index) => valueName(index)),
    ]
  }

  #writeChoice(sink: Sink, choice: Select): void {
    sink.text(`${chosen} (${keyNames(this.#table).join(', ')}) as materialized (`)
    choice.write(sink)
    sink.text(`${this.#lock})`)
    // A lock and a number of the row exclude each other.
    if (this.hasPlace)
      sink.text(`, ${numbered} as (select *, row_number() over () as ${place} from ${chosen})`)
  }

  #writeTarget(sink: Sink): void {
    const { verb, from, defaults, changes } = this.#write
    const target = new TargetSink(sink, from)
    const alias = quote(from.alias)
    const write = (): void => {
      if (verb === 'DELETE') sink.text(`delete from ${quoteTable(from.table)} as ${alias}`)
      else {
        sink.text(`update ${quoteTable(from.table)} as ${alias} set `)
        changes.forEach(({ column, value }, index) => {
          sink.text(`${index === 0 ? '' : ', '}${quote(column.name)} = `)
          writeEnclosed(target, value)
        })
        for (const set of nextVersion(from.table, '')) sink.text(`, ${set}`)
      }
      this.#writeWhere(sink)
      this.#writeReturning(target)
    }
    sink.scope(from, write, defaults)
  }

  #writeWhere(sink: Sink): void {
    const { verb, from } = this.#write
    const alias = quote(from.alias)
    const keys = from.table.primaryKey.map(({ name }) => `${alias}.${quote(name)}`)
    if (this.#choice === undefined) {
      writeWhere(sink, this.#write)
    } else if (this.#isInline) {
      sink.text(` where (${keys.join(', ')}) in (`)
      this.#choice.write(sink)
      sink.text(')')
    } else {
      const source = this.hasPlace ? numbered : chosen
      const names = keyNames(from.table)
      const equal = keys.map((key, index) => `${key} = ${source}.${names[index]}`)
      sink.text(` ${verb === 'DELETE' ? 'using' : 'from'} ${source} where ${equal.join(' and ')}`)
    }
  }

  #writeReturning(target: Sink): void {
    const { from, returning = [] } = this.#write
    const alias = quote(from.alias)
    let before = ' returning '
    const next = (): void => {
      target.text(before)
      before = ', '
    }
    for (const { name } of this.#held?.columns.list ?? []) {
      next()
      target.text(`${alias}.${quote(name)}`)
    }
    if (this.hasPlace) {
      next()
      target.text(`${numbered}.${place}`)
    }
    for (const node of returning) {
      next()
      writeEnclosed(target, node)
    }
  }

  #writeResult(sink: Sink, { columns, wanted }: HeldRows): void {
    const { returning } = this.#write
    const rows = (of: string): string =>
      columns.list.map((_, index) => `${of}.${columnName(index)}`).join(', ')
    if (returning === undefined) {
      sink.text(`select ${rows(kept)}, (select count(*) from ${written}) `)
      sink.text(`from (select) as ${given} left join ${written} as ${kept} on `)
      this.#writeWanted(sink, kept, columns, wanted)
      return
    }
    const values = [
      ...(this.hasPlace ? [place] : []),
      ...returning.map((_, index) => valueName(index)),
    ]
    const all = values.map((name) => `${written}.${name}`).join(', ')
    sink.text(`select ${rows(kept)}, ${all} from ${written} left join lateral (select `)
    sink.text(`${rows(written)} where `)
    this.#writeWanted(sink, written, columns, wanted)
    sink.text(`) as ${kept} on true`)
  }

  #writeWanted(sink: Sink, of: string, { list }: RowColumns, wanted: readonly WantedRows[]): void {
    wanted.forEach(({ columns, keys }, index) => {
      const places = columns.map((column) => `${of}.${columnName(list.indexOf(column))}`)
      sink.text(`${index === 0 ? '' : ' or '}(${places.join(', ')}) in (select `)
      const casts = columns.map((column) => this.#facts.castsOf(column))
      const items = casts.map(({ itemCast }, at) => `${given}.${quote(`#${at}`)}${itemCast}`)
      sink.text(`${items.join(', ')} from unnest(`)
      columns.forEach((column, at) => {
        const cast = casts[at] as (typeof casts)[number]
        if (at > 0) sink.text(', ')
        sink.parameter(
          arrayParameter(
            column,
            cast,
            keys.map((key) => key[at] ?? null),
          ),
        )
        sink.text(`::${cast.arrayCast}`)
      })
      sink.text(`) as ${given} (${columns.map((_, at) => quote(`#${at}`)).join(', ')}))`)
    })
  }

  get #table(): TableMetadata {
    return this.#write.from.table
  }
}

function columnName(index: number): string {
  return quote(`#c${index}`)
}

function valueName(index: number): string {
  return quote(`#v${index}`)
}

function keyNames({ primaryKey }: TableMetadata): readonly string[] {
  return primaryKey.map((_, index) => quote(`#${index}`))
}

/** The query that chooses the rows: their keys. */
function choiceOf({ from, defaults, where, orders, limit, offset, lock }: QueryWrite): Select {
  const alias = quote(from.alias)
  const keys = from.table.primaryKey.map(({ name }) => `${alias}.${quote(name)}`).join(', ')
  const projection: Projection = { shape: 'keys', write: (sink) => sink.text(keys) }
  const parts = { from, defaults, projection, where, groups: [], having: undefined }
  return new Select({ ...parts, orders, limit, offset, lock })
}

/** As the write itself would lock: an UPDATE lets others refer to its rows, unless it changes what they refer to. */
function lockOf({ verb, from, changes }: QueryWrite, facts: TableFacts): string {
  const isWeak =
    verb === 'UPDATE' &&
    !changes.some(({ column }) => isInUniqueKey(from.table, facts, column.position))
  return ` for ${isWeak ? 'no key ' : ''}update of ${quote(from.alias)}`
}
