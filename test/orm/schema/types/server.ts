import type pg from 'pg'
import type { ColumnType } from '../../../../orm/schema/column-type.ts'
import { arrayLiteral } from '../../../../orm/schema/types/array-text.ts'

const asText = { getTypeParser: () => (value: unknown) => value as string }

/** The texts that PostgreSQL gives back for texts that are sent one by one, as a value of the type. */
export async function echoOne(client: pg.Client, type: ColumnType, text: string): Promise<string> {
  const { rows } = await client.query<[string]>({
    text: `select $1::${type.cast}`,
    values: [text],
    rowMode: 'array',
    types: asText,
  })
  return rows[0]?.[0] as string
}

/** The same for a batch, as the rows of a flush travel. */
export async function echoAll(
  client: pg.Client,
  type: ColumnType,
  texts: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<[string]>({
    text: `select item${type.itemCast}
      from unnest($1::${type.arrayCast}) with ordinality as given (item, place) order by place`,
    values: [arrayLiteral(texts)],
    rowMode: 'array',
    types: asText,
  })
  return rows.map(([text]) => text)
}
