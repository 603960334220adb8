import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'

/** A quoted identifier. Every name that reaches SQL text goes through here. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table by its name, in its schema where it says one. */
export function quoteTable({ schema, name }: Pick<TableMetadata, 'schema' | 'name'>): string {
  return schema === undefined ? quote(name) : `${quote(schema)}.${quote(name)}`
}

/** A string literal, for the few places of DDL where PostgreSQL takes no parameter. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''")
  return escaped.includes('\\') ? ` E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`
}

/** The names of columns behind the alias of their table, which is text for SQL. */
export function aliasedNames(alias: string, columns: readonly ColumnMetadata[]): string {
  return columns.map(({ name }) => `${alias}.${quote(name)}`).join(', ')
}

/** A name that no column has: the wanted one, or a longer one. */
export function freeName(wanted: string, columns: readonly ColumnMetadata[]): string {
  return columns.some(({ name }) => name === wanted) ? freeName(`${wanted}#`, columns) : wanted
}
