import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import { type OnDelete, requireOnDelete } from './column.ts'
import type { ColumnMetadata } from './metadata.ts'
import { requireIdentifier } from './names.ts'
import { schemaError } from './schema-error.ts'

/** What the options of a table say, with its columns in place of their names. */
export interface TableSettings {
  readonly schema: string | undefined
  readonly comment: string | undefined
  readonly unique: readonly (readonly ColumnMetadata[])[]
  readonly indexes: readonly (readonly ColumnMetadata[])[]
  readonly checks: readonly CheckSetting[]
  readonly foreignKeys: readonly ForeignKeySetting[]
  /** What tells that others have changed a row, where it is no column of the declaration. */
  readonly version: 'xmin' | undefined
  /** Which rows queries give: a callback of the row's columns, called at the first use of the entity. */
  readonly defaultFilter: CheckSetting['condition'] | undefined
}

/** A condition that each row has to meet: a callback of the row's columns, called when DDL is made. */
export interface CheckSetting {
  /** The name of the constraint; without one it is made of the table's. */
  readonly name: string | undefined
  readonly condition: (row: never) => unknown
}

export interface ForeignKeySetting {
  readonly columns: readonly ColumnMetadata[]
  readonly references: () => unknown
  readonly onDelete: OnDelete
}

const known = [
  'schema',
  'comment',
  'unique',
  'indexes',
  'checks',
  'foreignKeys',
  'version',
  'defaultFilter',
]

type Columns = ReadonlyMap<string, ColumnMetadata>

/** Checks the options of a table when it is declared. */
export function tableSettings(
  name: string,
  options: unknown,
  columns: readonly ColumnMetadata[],
): TableSettings {
  const where = `table('${name}')`
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw schemaError(
      `${where} expected options such as { schema: 'auth' }, got ${describe(options)}`,
    )
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw schemaError(`${where} has no option ${unknown}; it has ${listed(known)}`)
  const { schema, comment, unique, indexes, checks, foreignKeys, version, defaultFilter } =
    options as Record<string, unknown>
  const byName: Columns = new Map(columns.map((column) => [column.property, column]))
  if (schema !== undefined) requireIdentifier(`${where}: schema`, 'a name for the schema', schema)
  if (comment !== undefined && (typeof comment !== 'string' || comment.includes('\0')))
    throw schemaError(`${where}: comment expected a string, got ${describe(comment)}`)
  if (version !== undefined && version !== 'xmin')
    throw schemaError(`${where}: version expected 'xmin', got ${describe(version)}`)
  return Object.freeze({
    schema,
    comment,
    unique: columnLists(`${where}: unique`, unique, byName),
    indexes: columnLists(`${where}: indexes`, indexes, byName),
    checks: checkSettings(`${where}: checks`, checks),
    foreignKeys: foreignKeySettings(`${where}: foreignKeys`, foreignKeys, byName),
    version,
    defaultFilter: defaultFilterOf(`${where}: defaultFilter`, defaultFilter),
  })
}

function columnLists(
  where: string,
  lists: unknown,
  columns: Columns,
): readonly (readonly ColumnMetadata[])[] {
  if (lists === undefined) return []
  if (!Array.isArray(lists)) {
    throw schemaError(
      `${where} expected an array of lists of columns, such as [['authorId', 'title']], got ${describe(lists)}`,
    )
  }
  return Object.freeze(lists.map((list, index) => columnList(`${where}[${index}]`, list, columns)))
}

function columnList(where: string, list: unknown, columns: Columns): readonly ColumnMetadata[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw schemaError(
      `${where} expected a list of columns, such as ['authorId', 'title'], got ${describe(list)}`,
    )
  }
  const found = list.map((name: unknown) => {
    const column = typeof name === 'string' ? columns.get(name) : undefined
    if (column !== undefined) return column
    throw schemaError(
      `${where} expected columns of the table, which are ${listed([...columns.keys()])}, got ${describe(name)}`,
    )
  })
  if (new Set(found).size === found.length) return Object.freeze(found)
  throw schemaError(`${where} names a column twice`)
}

function checkSettings(where: string, checks: unknown): readonly CheckSetting[] {
  if (checks === undefined) return []
  if (typeof checks !== 'object' || checks === null) {
    throw schemaError(
      `${where} expected an array of callbacks such as (row) => row.age.gte(0), or an object that names them, got ${describe(checks)}`,
    )
  }
  return Object.freeze(
    Object.entries(checks).map(([key, condition]: [string, unknown]) => {
      const name = Array.isArray(checks) ? undefined : key
      if (name !== undefined) requireIdentifier(where, 'a name for the constraint', name)
      if (typeof condition === 'function')
        return Object.freeze({ name, condition: condition as CheckSetting['condition'] })
      throw schemaError(
        `${where}[${name ?? key}] expected a callback such as (row) => row.age.gte(0), got ${describe(condition)}`,
      )
    }),
  )
}

function defaultFilterOf(where: string, filter: unknown): TableSettings['defaultFilter'] {
  if (filter === undefined || typeof filter === 'function')
    return filter as TableSettings['defaultFilter']
  throw schemaError(
    `${where} expected a callback such as (row) => row.deletedAt.isNull(), got ${describe(filter)}`,
  )
}

function foreignKeySettings(
  where: string,
  keys: unknown,
  columns: Columns,
): readonly ForeignKeySetting[] {
  if (keys === undefined) return []
  if (!Array.isArray(keys)) {
    throw schemaError(
      `${where} expected an array such as [{ columns: ['orderId', 'no'], references: () => keyOf(Line) }], got ${describe(keys)}`,
    )
  }
  return Object.freeze(
    keys.map((key, index) => foreignKeySetting(`${where}[${index}]`, key, columns)),
  )
}

function foreignKeySetting(where: string, key: unknown, columns: Columns): ForeignKeySetting {
  if (typeof key !== 'object' || key === null) {
    throw schemaError(
      `${where} expected { columns: ['orderId', 'no'], references: () => keyOf(Line) }, got ${describe(key)}`,
    )
  }
  const unknown = Object.keys(key).find(
    (name) => !['columns', 'references', 'onDelete'].includes(name),
  )
  if (unknown !== undefined)
    throw schemaError(`${where} has no option ${unknown}; it has columns, references and onDelete`)
  const given = key as Record<string, unknown>
  const { references } = given
  if (typeof references !== 'function') {
    throw schemaError(
      `${where}.references expected a thunk such as () => keyOf(Line), got ${describe(references)}`,
    )
  }
  return Object.freeze({
    columns: columnList(`${where}.columns`, given['columns'], columns),
    references: references as () => unknown,
    onDelete: requireOnDelete(`${where}.onDelete`, given['onDelete']),
  })
}
