import type { Keep } from '../schema/keep.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { canGenerate, generate, literal } from '../util/code-generation.ts'
import { jsonText, jsonValue } from './json-value.ts'
import { setValue, valueOf } from './property.ts'

type Json = Record<string, unknown>

/** What is done with each row of a table, made once for its columns. */
export interface CompiledTable {
  /** Gives an entity the values of a row, in the order of the declaration. */
  assign(entity: object, row: Row): void
  /** Gives an entity values, in the order of the declaration. */
  fill(entity: object, values: readonly unknown[]): void
  /** The values of an entity's columns. */
  valuesOf(entity: object): readonly unknown[]
  /** The first place, from one on, where an entity has another value than a row has; -1 if there is none. */
  nextChange(entity: object, row: Row, from: number): number
  /** The columns for JSON, without hidden ones. */
  json(entity: object): Json
  /** The same, with the texts of Dates. */
  jsonTexts(entity: object): Json
}

const compiled = new WeakMap<TableMetadata, CompiledTable>()
// Rows of one table follow each other.
let lastTable: TableMetadata | undefined
let last: CompiledTable | undefined

export function compiledOf(table: TableMetadata): CompiledTable {
  if (table === lastTable && last !== undefined) return last
  let found = compiled.get(table)
  if (found === undefined) {
    found = compile(table.columns, canGenerate())
    compiled.set(table, found)
  }
  lastTable = table
  last = found
  return found
}

/** @param isGenerated whether to generate code: it takes half the time of the loops */
export function compile(columns: readonly ColumnMetadata[], isGenerated: boolean): CompiledTable {
  return isGenerated ? generated(columns) : looped(columns)
}

function looped(columns: readonly ColumnMetadata[]): CompiledTable {
  const count = columns.length
  const keeps = columns.map(({ type }) => type.keep)
  const shown = columns.filter(({ hidden }) => !hidden)
  const jsonBy =
    (write: (value: unknown) => unknown) =>
    (entity: object): Json => {
      const json: Json = {}
      for (let index = 0; index < shown.length; index += 1) {
        const column = shown[index] as ColumnMetadata
        const value = valueOf(entity, column)
        if (value !== undefined || !column.deferred) json[column.property] = write(value)
      }
      return json
    }
  return {
    assign(entity, row) {
      for (let index = 0; index < count; index += 1) {
        const kept = row[index]
        const isValueless = kept === null || kept === undefined
        const value = isValueless ? kept : (keeps[index] as Keep).toValue(kept)
        setValue(entity, columns[index] as ColumnMetadata, value)
      }
    },
    fill(entity, values) {
      for (let index = 0; index < count; index += 1)
        setValue(entity, columns[index] as ColumnMetadata, values[index])
    },
    valuesOf(entity) {
      const values: unknown[] = []
      for (let index = 0; index < count; index += 1)
        values.push(valueOf(entity, columns[index] as ColumnMetadata))
      return values
    },
    nextChange(entity, row, from) {
      for (let index = from; index < count; index += 1) {
        const kept = row[index]
        const value = valueOf(entity, columns[index] as ColumnMetadata)
        const isValueless = kept === null || kept === undefined
        if (isValueless ? value !== kept : !(keeps[index] as Keep).isSame(value, kept)) return index
      }
      return -1
    },
    json: jsonBy(jsonValue),
    jsonTexts: jsonBy(jsonText),
  }
}

function generated(columns: readonly ColumnMetadata[]): CompiledTable {
  const keeps = columns.map(({ type }) => type.keep)
  // Each function has a name of its own, so that the engine knows what it calls.
  const toValues = keeps.map((_, index) => `toValue${index}`)
  const sames = keeps.map((_, index) => `isSame${index}`)
  const names = [...toValues, ...sames, 'jsonValue', 'jsonText']
  const values = [
    ...keeps.map(({ toValue }) => toValue),
    ...keeps.map(({ isSame }) => isSame),
    jsonValue,
    jsonText,
  ]
  const assigns = columns.map(
    (column, index) =>
      `kept = row[${index}]; entity[${literal(column.property)}] = ${valueSource(column, `toValue${index}`)};`,
  )
  const fills = columns.map(
    ({ property }, index) => `entity[${literal(property)}] = values[${index}];`,
  )
  const reads = columns.map(({ property }) => `entity[${literal(property)}]`)
  const checks = columns.map(
    (column, index) =>
      `if (from <= ${index}) { kept = row[${index}]; value = entity[${literal(column.property)}]; ` +
      `if (${changedSource(column, `isSame${index}`)}) return ${index}; }`,
  )
  const shown = columns.filter(({ hidden }) => !hidden)
  return generate<() => CompiledTable>(
    names,
    values,
    `() => ({
      assign: (entity, row) => { let kept; ${assigns.join('\n')} },
      fill: (entity, values) => { ${fills.join('\n')} },
      valuesOf: (entity) => [${reads.join(', ')}],
      nextChange: (entity, row, from) => { let kept, value; ${checks.join('\n')} return -1; },
      json: ${jsonSource(shown, 'jsonValue')},
      jsonTexts: ${jsonSource(shown, 'jsonText')},
    })`,
  )()
}

function jsonSource(shown: readonly ColumnMetadata[], write: string): string {
  const first = shown.findIndex(({ deferred }) => deferred)
  const always = first === -1 ? shown : shown.slice(0, first)
  const entries = always.map(
    ({ property }) => `[${literal(property)}]: ${jsonValueSource(property, write)}`,
  )
  const json = `{ ${entries.join(', ')} }`
  if (first === -1) return `(entity) => { let value; return ${json} }`
  // One after the other, so that the order is that of the declaration, whatever is left out.
  const adds = shown.slice(first).map(({ property, deferred }) => {
    const unless = deferred ? `if (entity[${literal(property)}] !== undefined) ` : ''
    return `${unless}json[${literal(property)}] = ${jsonValueSource(property, write)};`
  })
  return `(entity) => { let value; const json = ${json}; ${adds.join('\n')} return json }`
}

function jsonValueSource(property: string, write: string): string {
  const value = `value = entity[${literal(property)}]`
  return `typeof (${value}) !== 'object' && typeof value !== 'bigint' || value === null ? value : ${write}(value)`
}

// Of the microseconds that are kept.
const millisecond = 'Math.floor(kept / 1000)'

function valueSource({ type, deferred }: ColumnMetadata, toValue: string): string {
  const { how } = type.keep
  if (how === 'same' || how === 'value') return 'kept'
  const isValueless = deferred ? 'kept === null || kept === undefined' : 'kept === null'
  const made = `${isValueless} ? kept : ${toValue}(kept)`
  return how === 'date' ? `typeof kept === 'number' ? new Date(${millisecond}) : ${made}` : made
}

function changedSource({ type, deferred }: ColumnMetadata, isSame: string): string {
  const { how } = type.keep
  if (how === 'same') return 'value !== kept'
  const isValueless = deferred ? 'kept === null || kept === undefined' : 'kept === null'
  const changed = `${isValueless} ? value !== kept : !${isSame}(value, kept)`
  return how === 'date'
    ? `typeof kept === 'number' ? !(value instanceof Date && value.getTime() === ${millisecond}) : ${changed}`
    : changed
}
