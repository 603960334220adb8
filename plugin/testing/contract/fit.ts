/** How often something happened with so many rows. */
export interface Point {
  readonly rows: number
  readonly count: number
}

/**
 * The line through the points, as a text: `3`, `rows`, `1 + 2·rows`. Points that are on no line give the line that is
 * closest to them, behind `about`.
 */
export function fit(points: readonly Point[]): string {
  const rows = mean(points.map((point) => point.rows))
  const count = mean(points.map((point) => point.count))
  const spread = sum(points.map((point) => (point.rows - rows) ** 2))
  const joint = sum(points.map((point) => (point.rows - rows) * (point.count - count)))
  const slope = rounded(spread === 0 ? 0 : joint / spread)
  const start = rounded(count - slope * rows)
  const isExact = points.every((point) => Math.abs(start + slope * point.rows - point.count) < 0.05)
  return isExact ? line(start, slope) : `about ${line(start, slope)}`
}

function line(start: number, slope: number): string {
  if (slope === 0) return String(start)
  const rows = Math.abs(slope) === 1 ? 'rows' : `${Math.abs(slope)}·rows`
  if (slope < 0) return `${start} - ${rows}`
  if (start === 0) return rows
  return start > 0 ? `${start} + ${rows}` : `${rows} - ${-start}`
}

function rounded(value: number): number {
  const hundredths = Math.round(value * 100) / 100
  return hundredths === 0 ? 0 : hundredths // no -0
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
