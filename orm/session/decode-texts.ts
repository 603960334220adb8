import type { Primitive, Row, RowDecoder } from '../schema/wire-form.ts'

/** Reads rows that the connection gave as texts. */
export function decodeTexts(
  decoder: RowDecoder | undefined,
  rows: readonly (readonly (string | null)[])[],
): readonly Row[] {
  if (decoder === undefined) return rows
  const { columns } = decoder
  return rows.map((texts) => {
    const row: Primitive[] = []
    for (let index = 0; index < texts.length; index += 1) {
      const text = texts[index] as string | null
      try {
        row.push(text === null ? null : (columns[index]?.fromText(text) ?? text))
      } catch (cause) {
        throw decoder.explain(cause, index, row)
      }
    }
    return row
  })
}
