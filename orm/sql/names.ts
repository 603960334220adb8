import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { quote } from './identifier.ts'
import type { Sink, SqlNode } from './node.ts'
import { standIn } from './stand-in.ts'

/** The name of a column in a `sql` template, without its table: `"author_id"`. */
class Name implements SqlNode {
  readonly shape: string
  readonly #text: string

  constructor(name: string) {
    this.#text = quote(name)
    this.shape = this.#text
    Object.freeze(this)
  }

  write(sink: Sink): void {
    sink.text(this.#text)
  }
}

const made = new WeakMap<TableMetadata, object>()

/** The columns of a table by their properties, for `sql` templates. Another name is an error, not undefined. */
export function namesOf(table: TableMetadata): object {
  let names = made.get(table)
  if (names === undefined) made.set(table, (names = makeNames(table)))
  return names
}

function makeNames(table: TableMetadata): object {
  const names = Object.freeze(
    Object.assign(
      Object.create(null),
      Object.fromEntries(table.columns.map(({ property, name }) => [property, new Name(name)])),
    ) as Record<string, Name>,
  )
  const proxy = new Proxy(names, {
    get(known, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      const name = known[property]
      if (name !== undefined) return name
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${table.entityName}.columns has no ${property}; it has ${listed(Object.keys(known))}`,
      )
    },
  })
  return standIn(proxy, `all columns of ${table.entityName}`)
}
