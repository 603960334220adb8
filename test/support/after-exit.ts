import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * Runs a shell script when this process has ended, however it ends: a test run that is interrupted
 * tells its processes nothing, and has no time to tidy up.
 *
 * @param parameters what the script knows as `$1` and so on
 * @returns calls it off
 */
export function afterExit(script: string, ...parameters: readonly string[]): () => void {
  // Its input ends with this process. Of its own group, so that what interrupts this one does not reach it.
  const waiting = `trap '' HUP INT TERM; read -r line; ${script}`
  const child = spawn('/bin/sh', ['-c', waiting, 'after-exit', ...parameters], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  ;(child.stdin as Socket).unref()
  return () => void child.kill('SIGKILL')
}
