import { Problem } from './problem.ts'

/** Returns the port of the environment variable. Default: 3000. */
export function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return 3000
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new Problem(`PORT expected a number from 0 to 65535, got ${text}.`)
}
