import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'

/** An account to run programs under, in the shape that `spawn` takes. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const run = promisify(execFile)

/** The account for PostgreSQL, which refuses to run as root; `undefined`: the one we run under. */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const account = await lookUp(name)
    if (account !== undefined) return account
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and there is no account "postgres" or "nobody" to run it ' +
      'under: run as another user, or use a PostgreSQL of your own (DATABASE_URL).',
  )
}

/** `os.tmpdir()`, or `/tmp` where the account cannot write there (root with a private TMPDIR). */
export async function temporaryFolder(account: Account | undefined): Promise<string> {
  const folder = tmpdir()
  if (account === undefined) return folder
  for (const candidate of [folder, '/tmp']) {
    const problem = await runScript(account, 'test -w "$1" && test -x "$1"', candidate)
    if (problem === undefined) return candidate
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and user ${account.uid}, which it would run under, cannot ` +
      `write to ${folder}: set TMPDIR to a folder that it can write to.`,
  )
}

/** Runs a shell script under the account; its complaint (never empty) when it fails. */
export async function runScript(
  account: Account | undefined,
  script: string,
  ...parameters: readonly string[]
): Promise<string | undefined> {
  try {
    await run('/bin/sh', ['-c', script, 'sh', ...parameters], {
      ...account,
      cwd: '/',
      env: plainEnvironment(),
    })
    return undefined
  } catch (error) {
    const { message, stderr } = error as Error & { readonly stderr?: string }
    return stderr?.trim() || message
  }
}

/** No PG* variables, no locale, no secrets of the application. */
export function plainEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

async function lookUp(name: string): Promise<Account | undefined> {
  try {
    const uid = await run('id', ['-u', name])
    const gid = await run('id', ['-g', name])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return undefined
  }
}
