import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Runs a script that measures, in its own process, and reads the JSON that it prints.
 *
 * @param youngMb a third of the young generation
 */
export async function measuredBy<Figures>(
  script: string,
  url: string,
  youngMb: number,
): Promise<Figures> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    `--min-semi-space-size=${youngMb}`,
    `--max-semi-space-size=${youngMb}`,
    '--disable-warning=ExperimentalWarning',
    script,
    url,
  ])
  return JSON.parse(stdout) as Figures
}
