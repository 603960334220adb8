import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The command lines of all processes. */
export function commands(): string[] {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n')
  }
  // Where `ps` may not be installed.
  return readdirSync('/proc').filter(isNumber).map(commandOf)
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has ended
  }
}
