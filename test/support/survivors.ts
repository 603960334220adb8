import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { getHeapSpaceStatistics } from 'node:v8'

// The young generation is collected after a few hundred turns.
const flags = ['--expose-gc', '--min-semi-space-size=4', '--max-semi-space-size=4']

/**
 * The most that a turn may leave, in bytes: a few get old because they are under way when the young generation is
 * collected. A turn that keeps the next one alive leaves hundreds to thousands.
 */
export const mostOld = 150

/** Measures turns in a process of its own, with {@link bytesThatGetOld}. */
export async function measuredOld(
  script: string,
  url: string,
): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    '--disable-warning=ExperimentalWarning',
    script,
    url,
  ])
  return JSON.parse(stdout) as Record<string, number>
}

/** More turns at the same time than there are connections: some wait for others. */
const atOnce = 8
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
  return Math.round(rounds.toSorted((a, b) => a - b)[1] as number)
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
