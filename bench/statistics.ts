/** Returns the value below which this share of the values lies, interpolated linearly. 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('quantile() expected at least one value, got none')
  const sorted = values.toSorted((a, b) => a - b)
  const position = share * (sorted.length - 1)
  const below = sorted[Math.floor(position)] as number
  const above = sorted[Math.ceil(position)] as number
  return below + (above - below) * (position - Math.floor(position))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Divides one by the other, round by round. If something slows a whole round, it slows both. */
export function ratios(one: readonly number[], other: readonly number[]): readonly number[] {
  if (one.length !== other.length) {
    throw new Error(
      `ratios() expected the same number of rounds, got ${one.length} and ${other.length}`,
    )
  }
  return one.map((value, round) => value / (other[round] as number))
}
