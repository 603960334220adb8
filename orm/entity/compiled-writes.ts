import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { defaultValue, keptOf } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { canGenerate, generate, literal } from '../util/code-generation.ts'
import { isMadeByDatabase, isValue, loopedWrites } from './looped-writes.ts'

/**
 * What is done with each entity that is made or written, made once for the columns of a table. Each answers
 * what is usual; what it leaves is for the code that knows every case and every error.
 */
export interface CompiledWrites {
  /** Gives a new entity its values and defaults; false if something about them is unusual. */
  make(entity: object, given: object): boolean
  /** Whether a new entity can be sent as it is: what has no value is made by the database. */
  isComplete(entity: object): boolean
  /** Equal for entities with values for the same columns. */
  missing(entity: object): number | string
  /** What is kept of a column of several entities, all of which have a value. */
  readonly kept: readonly ((entities: readonly object[]) => Primitive[])[]
  /**
   * Gives an entity the values that it does not have yet. False, and nothing is changed, if a value that it has
   * is not that of the row.
   */
  take(entity: object, row: Row): boolean
}

const compiled = new WeakMap<TableMetadata, CompiledWrites>()

export function writesOf(table: TableMetadata): CompiledWrites {
  let found = compiled.get(table)
  if (found === undefined) {
    found = compileWrites(table.columns, canGenerate())
    compiled.set(table, found)
  }
  return found
}

/** @param isGenerated whether to generate code */
export function compileWrites(
  columns: readonly ColumnMetadata[],
  isGenerated: boolean,
): CompiledWrites {
  return isGenerated ? generated(columns) : loopedWrites(columns)
}

function generated(columns: readonly ColumnMetadata[]): CompiledWrites {
  // Each function has a name of its own, so that the engine knows what it calls.
  const names: string[] = []
  const values: unknown[] = []
  const name = (prefix: string, index: number, value: unknown): string => {
    names.push(`${prefix}${index}`)
    values.push(value)
    return `${prefix}${index}`
  }
  const sources = columns.map((column, index): Source => {
    const { type } = column
    const { keep } = type
    return {
      column,
      index,
      property: literal(column.property),
      accepts: name('accepts', index, (value: unknown) => type.accepts(value)),
      toValue: name('toValue', index, keep.toValue),
      isSame: name('isSame', index, keep.isSame),
      fromValue: name('fromValue', index, keep.fromValue),
      keptOf: name('keptOf', index, (value: unknown) => keptOf(column, value)),
      initial: name('initial', index, () => defaultValue(column)),
    }
  })
  return generate<() => CompiledWrites>(
    names,
    values,
    `() => ({
      make: ${makeSource(sources)},
      isComplete: ${completeSource(sources)},
      missing: ${missingSource(sources)},
      kept: [${sources.map(keptSource).join(', ')}],
      take: ${takeSource(sources)},
    })`,
  )()
}

/** A column, and the names of its functions in the source. */
interface Source {
  readonly column: ColumnMetadata
  readonly index: number
  readonly property: string
  readonly accepts: string
  readonly toValue: string
  readonly isSame: string
  readonly fromValue: string
  /** The same for any value, with the error that names the column. */
  readonly keptOf: string
  readonly initial: string
}

function makeSource(sources: readonly Source[]): string {
  const cases = sources.map(({ property }) => `case ${property}: `).join('')
  const reads = sources.map((source) => {
    const value = `value${source.index}`
    return (
      `let ${value} = given[${source.property}]; ` +
      `if (${value} === undefined) { ${initialSource(source, value)} } else ${refusal(source, value)}`
    )
  })
  const sets = sources.map(({ property, index }) => `entity[${property}] = value${index};`)
  return `(entity, given) => {
    for (const key in given) switch (key) { ${cases}break; default: return false }
    ${reads.join('\n')}
    ${sets.join('\n')}
    return true
  }`
}

/** What an entity gets where no value is given. */
function initialSource({ column, initial }: Source, value: string): string {
  const { default: given, nullable } = column
  if (given?.kind === 'value') return `${value} = ${initial}();`
  if (isMadeByDatabase(column) || column.onUpdate !== undefined) return ''
  return nullable ? `${value} = null;` : 'return false;'
}

function refusal({ column, accepts }: Source, value: string): string {
  return column.nullable
    ? `if (${value} !== null && !${accepts}(${value})) return false;`
    : `if (${value} === null || !${accepts}(${value})) return false;`
}

function completeSource(sources: readonly Source[]): string {
  const checks = sources.map((source) => {
    const { column, property } = source
    const unless = isMadeByDatabase(column) ? 'if (value !== undefined) ' : ''
    const isMissing = isMadeByDatabase(column) ? '' : 'if (value === undefined) return false; '
    return `value = entity[${property}]; ${isMissing}${unless}${refusal(source, 'value')}`
  })
  return `(entity) => { let value; ${checks.join('\n')} return true }`
}

// The bits of a small integer, which is compared and hashed at once.
const bits = 30

function missingSource(sources: readonly Source[]): string {
  const masks: string[] = []
  for (let start = 0; start < sources.length; start += bits) {
    const part = sources.slice(start, start + bits)
    masks.push(
      part
        .map(({ property }, bit) => `(entity[${property}] === undefined ? ${2 ** bit} : 0)`)
        .join(' | '),
    )
  }
  const [only] = masks
  if (masks.length === 1) return `(entity) => ${only}`
  return `(entity) => \`${masks.map((mask) => `\${${mask}}`).join(',')}\``
}

function keptSource({ property, fromValue, keptOf: kept }: Source): string {
  return `(entities) => {
    const items = []
    try {
      for (let index = 0; index < entities.length; index += 1) {
        const value = entities[index][${property}]
        items.push(value === null ? null : ${fromValue}(value))
      }
    } catch {
      for (const entity of entities) ${kept}(entity[${property}])
    }
    return items
  }`
}

function takeSource(sources: readonly Source[]): string {
  const checks = sources.map((source) => {
    const { column, index, property, toValue } = source
    const value = `value${index}`
    const isMade = isValue(column.type.keep) ? 'kept' : madeSource(column, toValue)
    return (
      `kept = row[${index}]; const has${index} = entity[${property}]; let ${value} = has${index}; ` +
      `if (${value} === undefined) ${value} = ${isMade}; else if (${otherSource(source, value)}) return false;`
    )
  })
  const sets = sources.map(
    ({ property, index }) => `if (has${index} === undefined) entity[${property}] = value${index};`,
  )
  return `(entity, row) => { let kept; ${checks.join('\n')} ${sets.join('\n')} return true }`
}

function madeSource({ deferred }: ColumnMetadata, toValue: string): string {
  const isValueless = deferred ? 'kept === null || kept === undefined' : 'kept === null'
  return `${isValueless} ? kept : ${toValue}(kept)`
}

/** Whether the value is another one than that of the row, or may be. */
function otherSource({ column, isSame }: Source, value: string): string {
  const { keep } = column.type
  if (isValue(keep)) return `!Object.is(${value}, kept)`
  const isSameValue = column.deferred ? `kept !== undefined && ${isSame}` : isSame
  const isOther = keep.how === 'text' ? 'true' : `!(${isSameValue}(${value}, kept))`
  return `kept === null ? ${value} !== null : ${isOther}`
}
