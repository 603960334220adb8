import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { getHeapSpaceStatistics } from 'node:v8'

/**
 * The most that a turn may leave, in bytes: a few get old because they are under way when the young generation is
 * collected. A turn that keeps the next one alive leaves hundreds to thousands.
 */
export const mostOld = 150

/**
 * Measures turns in a process of its own, with {@link bytesThatGetOld}.
 *
 * @param youngMb a third of the young generation: it has to hold many more turns than run at the same time
 */
export async function measuredOld(
  script: string,
  url: string,
  youngMb: number,
): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    `--min-semi-space-size=${youngMb}`,
    `--max-semi-space-size=${youngMb}`,
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
