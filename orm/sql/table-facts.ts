import type { ColumnType } from '../schema/column-type.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { columnsWith } from '../schema/row-columns.ts'

/** How the values of a column are cast, see {@link ColumnType}. */
export type Casts = Pick<ColumnType, 'arrayCast' | 'itemCast'>

/** The facts about a column in the database. */
export interface ColumnFacts {
  /** The type without its modifier, that of a domain underneath it: `integer`, `mood`. */
  readonly type: string
  /** The type of its arrays; null where there is none, as of arrays, or where commas do not separate their items. */
  readonly arrayType: string | null
  readonly isEnum: boolean
  readonly isDomain: boolean
  /** The type with its modifier, such as `numeric(10,2)`; null where it has none. */
  readonly modified: string | null
  /** Whether the database makes the value of an expression. */
  readonly isGenerated: boolean
  /** Whether an INSERT that gives the value has to override the identity. */
  readonly isAlwaysIdentity: boolean
  /** SQL that makes the value where an INSERT leaves it out; null: there is none, or the role must not use it. */
  readonly made: string | null
  readonly isNotNull: boolean
}

/** What kind of table it is. */
export interface TableKind {
  /** Its id in the database. */
  readonly oid: string
  /** Whether it is a table without rules, so that its writes can be parts of a larger statement. */
  readonly isStored: boolean
  /** Whether it is a table without triggers and rules, so that it stores what it is sent. */
  readonly isPlain: boolean
  /** Whether its rows are in partitions. */
  readonly isPartitioned: boolean
  /** Whether all of its rows have an xmin: not those of views and foreign tables. */
  readonly hasXmin: boolean
  /** Whether it stores the keys that it is sent, whatever its triggers do behind that. */
  readonly keepsKeys: boolean
  /** Whether its rows can be locked, and the role may do so. */
  readonly mayLock: boolean
}

/** A unique index, or that of an exclusion constraint. */
export interface UniqueFacts {
  /** Its columns, and those that its expressions use. */
  readonly columns: readonly string[]
  /** The columns that its condition and its expressions use. */
  readonly others: readonly string[]
  readonly hasExpressions: boolean
  readonly areNullsEqual: boolean
  /** Whether operators decide which rows exclude each other, and not equal values. */
  readonly isExclusion: boolean
  /** Whether it is checked row by row; if not, at the end of a statement or later. */
  readonly isImmediate: boolean
}

/** A foreign key. */
export interface ForeignKeyFacts {
  readonly columns: readonly string[]
  /** The id of the table that it refers to. */
  readonly target: string
  readonly targetColumns: readonly string[]
  /** The catalogue's letter: `c` cascade, `n` set null, `d` set default, `a` no action, `r` restrict. */
  readonly onDelete: string
  /** The columns that SET NULL and SET DEFAULT set; null: all of them. */
  readonly setColumns: readonly string[] | null
}

/** The facts about a table in the database. */
export interface CatalogueEntry extends TableKind {
  readonly columns: ReadonlyMap<string, ColumnFacts>
  /** The names of its partitions. */
  readonly partitions: ReadonlySet<string>
  /** The columns of its constraints and unique indexes, by their names in the database. */
  readonly constraints: ReadonlyMap<string, readonly string[]>
  readonly uniques: readonly UniqueFacts[]
  readonly foreignKeys: readonly ForeignKeyFacts[]
}

// Types whose text is the same before and after, where the column is declared so.
const sameAsSent: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'boolean',
  'uuid',
])

const shapes = new Map<string, number>()

/**
 * The facts about a table in the database. If the catalogue was not asked or did not answer, the declaration
 * replaces it, and a write returns every column.
 */
export class TableFacts {
  /** The part of a statement's shape that depends on the facts. */
  readonly shape: string
  readonly #entry: CatalogueEntry | undefined
  /** Whether writes cannot give xmin back, so that it is read again: PostgreSQL refuses it for some rows of partitions. */
  readonly rereadsXmin: boolean
  readonly #generated: readonly ColumnMetadata[]
  /** What the database changes with every UPDATE. */
  readonly #renewed: readonly ColumnMetadata[]
  readonly #table: TableMetadata

  constructor(table: TableMetadata, entry: CatalogueEntry | undefined) {
    this.#table = table
    this.#entry = entry
    this.#generated = table.columns.filter(({ name }) => entry?.columns.get(name)?.isGenerated)
    const { version } = table
    this.rereadsXmin = table.hasXmin && entry?.isPartitioned !== false
    this.#renewed =
      version === undefined || this.rereadsXmin ? this.#generated : [...this.#generated, version]
    this.shape = entry === undefined ? '' : shapeOf(table, entry)
  }

  /** Whether no trigger or rule changes a written row. */
  get isPlain(): boolean {
    return this.#entry?.isPlain === true
  }

  /** What the catalogue says; undefined if it was not asked or did not answer. */
  get known(): CatalogueEntry | undefined {
    return this.#entry
  }

  /** Whether writes can be parts of a larger statement: PostgreSQL refuses rules there. */
  get isStored(): boolean {
    return this.#entry?.isStored === true
  }

  /** Whether rows can be locked before they are written. */
  get mayLock(): boolean {
    return this.#entry?.mayLock === true
  }

  /** The cast of an array that holds a value of the column for each row. */
  castsOf(column: ColumnMetadata): Casts {
    const facts = this.#of(column)
    if (facts === undefined) return column.type
    return facts.arrayType === null
      ? { arrayCast: 'text[]', itemCast: `::${facts.type}` }
      : { arrayCast: facts.arrayType, itemCast: '' }
  }

  /** The columns that an INSERT of these columns has to return. Of a deferred one nobody asks what the database made. */
  afterInsert(given: readonly ColumnMetadata[]): readonly ColumnMetadata[] {
    const columns = this.rowWith(given.filter(isDeferred))
    if (!this.isPlain) return columns
    return columns.filter((column) => !given.includes(column) || this.#isAltered(column))
  }

  /**
   * The columns that an UPDATE of these columns has to return.
   *
   * @param loaded the deferred columns that its entities know
   */
  afterUpdate(
    changed: readonly ColumnMetadata[],
    loaded: readonly ColumnMetadata[],
  ): readonly ColumnMetadata[] {
    if (!this.isPlain) return this.rowWith(loaded)
    const renewed = this.#renewed.filter((one) => !one.deferred || loaded.includes(one))
    return [...changed.filter((column) => this.#isAltered(column)), ...renewed]
  }

  /** The columns that a write may give back, with some deferred ones. */
  rowWith(deferred: readonly ColumnMetadata[]): readonly ColumnMetadata[] {
    const { list } = columnsWith(this.#table, deferred)
    return this.rereadsXmin ? list.filter((column) => column !== this.#table.version) : list
  }

  /** Whether the database makes the column's value of an expression, and takes none. */
  isGenerated(column: ColumnMetadata): boolean {
    return this.#generated.includes(column)
  }

  hasPartition(name: string): boolean {
    return this.#entry?.partitions.has(name) === true
  }

  /** The columns of a constraint or a unique index. */
  columnsOf(constraint: string): readonly ColumnMetadata[] | undefined {
    const names = this.#entry?.constraints.get(constraint)
    const columns = this.#table.columns.filter(({ name }) => names?.includes(name))
    return columns.length > 0 && columns.length === names?.length
      ? names.map((name) => columns.find((column) => column.name === name) as ColumnMetadata)
      : undefined
  }

  /** SQL for the value that the database gives the column; undefined if it cannot be asked for before the INSERT. */
  makerOf(column: ColumnMetadata): string | undefined {
    return this.#entry?.keepsKeys === true ? (this.#of(column)?.made ?? undefined) : undefined
  }

  /** The cast of a value to what the column stores of it: rounded, or cut. Empty if that is the value itself. */
  storedCast(column: ColumnMetadata): string {
    const modified = this.#of(column)?.modified ?? undefined
    return modified === undefined ? '' : `::${modified}`
  }

  /** Whether an INSERT that gives the value of the column has to override the identity. */
  isAlwaysIdentity(column: ColumnMetadata): boolean {
    return this.#of(column)?.isAlwaysIdentity === true
  }

  /** Whether the stored text may differ from the one that was sent. */
  #isAltered(column: ColumnMetadata): boolean {
    const facts = this.#of(column)
    if (facts === undefined || facts.isDomain || facts.isGenerated) return true
    if (facts.isEnum || facts.type === 'text') return false
    if (facts.type === 'character varying') return facts.modified !== null
    return !(sameAsSent.has(facts.type) && column.type.cast === facts.type)
  }

  #of({ name }: ColumnMetadata): ColumnFacts | undefined {
    return this.#entry?.columns.get(name)
  }
}

const isDeferred = ({ deferred }: ColumnMetadata): boolean => deferred

/** The same for tables of one declaration that are alike in several databases. */
function shapeOf(
  table: TableMetadata,
  { isPlain, isPartitioned, mayLock, columns }: CatalogueEntry,
): string {
  const facts = JSON.stringify([
    isPlain,
    isPartitioned,
    mayLock,
    table.columns.map(({ name }) => Object.values(columns.get(name) ?? {})),
  ])
  let shape = shapes.get(facts)
  if (shape === undefined) shapes.set(facts, (shape = shapes.size))
  return `|f${shape}`
}
