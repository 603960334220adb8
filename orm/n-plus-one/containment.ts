import type { RelationMetadata, TableMetadata } from '../observe/operation.ts'
import { type ListResult, type Lists, nameOf, type ReadList, rootOf } from './lists.ts'

type Column = TableMetadata['columns'][number]
type Values = readonly unknown[]

/** The values of the statements of a pattern. */
interface Asked {
  readonly values: readonly Values[]
  /** How many lists the program had read before. */
  readonly listsBefore: number
}

/** The list whose keys the values of statements are. */
export interface ValueOrigin {
  readonly list: ListResult
  /** The relations from the list to the entities with the keys. */
  readonly path: readonly RelationMetadata[]
  /** The relation that leads from those to what the statements read; undefined if none is declared. */
  readonly relation: RelationMetadata | undefined
}

// Some keys may come from elsewhere.
const fewest = 0.8

// A finding is not worth more comparisons.
const mostMembers = 10_000

/** The list whose foreign keys, or whose own keys, a `get()` of a table is called with; the newest, if there are several. */
export function originOfKeys(
  lists: Lists,
  target: TableMetadata,
  { values, listsBefore }: Asked,
): ValueOrigin | undefined {
  const { length } = target.primaryKey
  const given = values.map((key) => key.slice(0, length))
  for (const { list, path, table, members } of sourcesOf(lists, listsBefore)) {
    for (const [columns, relation] of waysTo(table, target))
      if (isContained(given, columns, textsOf(columns, members))) return { list, path, relation }
  }
  return undefined
}

/**
 * The list of whose keys one value of each statement is.
 *
 * @param sql the text of the statements
 * @param read the table that they read
 */
export function originOfValues(
  lists: Lists,
  sql: string,
  read: string,
  { values, listsBefore }: Asked,
): ValueOrigin | undefined {
  const places = [...(values[0] ?? []).keys()].map((index) => ({
    index,
    given: distinct(values, index),
  }))
  const varying = places.filter(
    ({ given: { length } }) => length > 1 && length * 2 >= values.length,
  )
  let best: ValueOrigin | undefined
  for (const { list, path, table, members } of sourcesOf(lists, listsBefore)) {
    for (const column of keysOf(table)) {
      const texts = textsOf([column], members)
      for (const { index, given } of varying) {
        if (!isContained(given, [column], texts)) continue
        const relation = relationBy(table, column, read, (there) => isAskedFor(sql, there, index))
        if (relation !== undefined) return { list, path, relation }
        // Small numbers are keys of any list. Without a relation, they have to be most of its keys.
        if (given.length >= texts.size * fewest) best ??= { list, path, relation }
      }
    }
  }
  return best
}

/** Whether a statement looks for the rows in which a column has one of its values. */
function isAskedFor(sql: string, { name }: Column, index: number): boolean {
  const column = `(?<![\\w$])${name.replaceAll(/\W/g, '\\$&')}"?`
  const value = `(?:\\$${index + 1}(?!\\d)|\\?)`
  return new RegExp(`${column} ?(?:=|in ?\\() ?${value}|${value} ?= ?[\\w.$"]*${column}`, 'i').test(
    sql,
  )
}

/** Entities of one list that were read in one way, perhaps by several statements. */
interface Source {
  readonly list: ListResult
  readonly path: readonly RelationMetadata[]
  readonly table: TableMetadata
  readonly members: readonly object[]
}

/**
 * The newest first. More may have been read from a list meanwhile.
 *
 * @param before how many lists had been read
 */
function sourcesOf({ all }: Lists, before: number): readonly Source[] {
  const groups = new Map<object, Map<string, [ReadList, ...ReadList[]]>>()
  for (const [index, read] of all.entries()) {
    const root = rootOf(read.list)
    const paths = groups.get(root) ?? new Map<string, [ReadList, ...ReadList[]]>()
    groups.set(root, paths)
    const way = read.path.map(nameOf).join('/')
    const known = paths.get(way)
    if (known !== undefined) known.push(read)
    else if (index < before) paths.set(way, [read])
  }
  return [...groups.values()]
    .flatMap((paths) => [...paths.values()])
    .toReversed()
    .map((reads) => {
      const [{ list, path }] = reads
      const last = path.at(-1) ?? list.steps.at(-1)
      const table = last?.target ?? list.root
      const members = reads.flatMap((read) => read.members).slice(0, mostMembers)
      return { list, path, table, members }
    })
}

type Way = readonly [columns: readonly Column[], relation: RelationMetadata | undefined]

/** The columns of a table whose values are keys of another one. */
function waysTo(table: TableMetadata, target: TableMetadata): readonly Way[] {
  const { primaryKey } = target
  const inOrder = (remote: readonly Column[], local: readonly Column[]): readonly Column[] =>
    primaryKey.flatMap((column) => local[remote.indexOf(column)] ?? [])
  const byRelations = [...table.relations.values()]
    .filter((relation) => relation.target === target)
    .map((relation): Way => {
      const [local, remote] = [0, 1].map((side) => relation.pairs.map((pair) => pair[side]))
      return [inOrder(remote as Column[], local as Column[]), relation]
    })
  const byKeys = table.foreignKeys
    .filter((key) => key.target === target)
    .map(({ columns, targetColumns }): Way => [inOrder(targetColumns, columns), undefined])
  return [...byRelations, ...byKeys].filter(
    ([columns]) => columns.length === primaryKey.length && columns.every(isComparable),
  )
}

/** The columns of a table by which others are read. */
function keysOf({ primaryKey, foreignKeys, relations }: TableMetadata): ReadonlySet<Column> {
  const columns = [
    ...primaryKey,
    ...foreignKeys.flatMap((key) => key.columns),
    ...[...relations.values()].flatMap(localsOf),
  ]
  return new Set(columns.filter(isComparable))
}

/** Whether no code of the application compares its values. */
function isComparable({ type }: Column): boolean {
  return type.isCustom !== true
}

/** The relation that leads from a key to the rows that a statement reads by it. */
function relationBy(
  { relations }: TableMetadata,
  column: Column,
  read: string,
  isAsked: (there: Column) => boolean,
): RelationMetadata | undefined {
  const isRead = (table: TableMetadata | undefined): boolean =>
    table !== undefined && (table.fullName === read || table.name === read)
  return [...relations.values()].find(
    ({ pairs, through, target }) =>
      (isRead(target) || isRead(through?.table)) &&
      (through?.from ?? pairs).some(([here, there]) => here === column && isAsked(there)),
  )
}

function localsOf({ pairs, through }: RelationMetadata): readonly Column[] {
  return (through?.from ?? pairs).map(([local]) => local)
}

function distinct(values: readonly Values[], index: number): readonly Values[] {
  return [...new Set(values.map((each) => each[index]))].map((value) => [value])
}

function isContained(
  given: readonly Values[],
  columns: readonly Column[],
  texts: ReadonlySet<string>,
): boolean {
  const found = given.filter((values) => texts.has(textOf(columns, values)))
  return found.length > 0 && found.length >= given.length * fewest
}

function textsOf(columns: readonly Column[], members: readonly object[]): ReadonlySet<string> {
  const valuesOf = (member: object): Values =>
    columns.map(({ property }) => (member as Record<string, unknown>)[property])
  return new Set(members.map((member) => textOf(columns, valuesOf(member))))
}

/** As statements have the values of the columns. */
function textOf(columns: readonly Column[], values: Values): string {
  return columns
    .map(({ type }, index) => {
      const value = values[index]
      return type.accepts(value) ? type.encode(value as never) : String(value)
    })
    .join('\0')
}
