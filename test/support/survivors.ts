import { getHeapSpaceStatistics } from 'node:v8'

/** More turns at the same time than there are connections: some wait for others. */
export const atOnce = 8
const turnsOfEach = 250

/**
 * How many bytes a turn leaves in the old space. What a turn has made dies with it: all of it is collected with
 * the young generation. An old object that refers to a newer one keeps that alive, and what that refers to, until
 * the next major collection.
 */
export async function bytesThatGetOld(turn: () => Promise<void>): Promise<number> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('Expected node --expose-gc')
  // Code gets old too.
  await concurrently(turn)
  await concurrently(turn)
  const rounds: number[] = []
  for (let round = 0; round < 3; round += 1) {
    gc()
    const before = oldBytes()
    await concurrently(turn)
    rounds.push((oldBytes() - before) / (atOnce * turnsOfEach))
  }
  // The fewest: code that is compiled late gets old as well.
  return Math.round(Math.min(...rounds))
}

async function concurrently(turn: () => Promise<void>): Promise<void> {
  const one = async (): Promise<void> => {
    for (let at = 0; at < turnsOfEach; at += 1) await turn()
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

function oldBytes(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
  return space?.space_used_size ?? 0
}
