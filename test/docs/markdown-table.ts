/** The cells of the rows of the first table below a heading; those of its head are left out. */
export function tableBelow(document: string, heading: string): readonly (readonly string[])[] {
  const [, below = ''] = `\n${document}`.split(`\n${heading}\n`)
  const lines = `\n${below}\n`.split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** What a cell has between backticks. */
export function codesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}
