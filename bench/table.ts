/** Formats rows as text. The first row is the head. Columns of numbers are aligned right, others left. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const columns = head.map((_, column) => ({
    width: Math.max(...rows.map((row) => (row[column] ?? '').length)),
    isNumeric: body.every((row) => isNumber(row[column] ?? '')),
  }))
  const line = (row: readonly string[]): string =>
    columns
      .map(({ width, isNumeric }, column) => {
        const cell = row[column] ?? ''
        return isNumeric ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const rule = columns.map(({ width }) => '-'.repeat(width)).join('  ')
  return [line(head), rule, ...body.map(line)].join('\n')
}

/** Formats rows as a table of Markdown that is also easy to read as text. The first row is the head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const widths = head.map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** An empty cell is an unknown number. */
function isNumber(cell: string): boolean {
  return !Number.isNaN(Number(cell))
}
