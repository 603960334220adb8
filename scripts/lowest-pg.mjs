// Runs the tests of the lane on the lowest `pg` that is supported: `node scripts/lowest-pg.mjs [version]`.
// The tests' processes load this file too: there, it leads every import of `pg` to that version.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const lowest = '8.16.0'

const root = new URL('../', import.meta.url)
const folder = process.env.LOWEST_PG_FOLDER

if (folder === undefined) process.exitCode = test(process.argv[2] ?? lowest)
else redirect(pathToFileURL(`${folder}/`).href)

function test(version) {
  const home = mkdtempSync(join(tmpdir(), 'lowest-pg-'))
  try {
    const installed = run(['npm', 'install', '--no-save', '--prefix', home, `pg@${version}`], {})
    if (installed !== 0) return installed
    const vitest = fileURLToPath(new URL('node_modules/vitest/vitest.mjs', root))
    return run([process.execPath, vitest, 'run', '--project', 'shared', 'test/orm/driver/lane'], {
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${import.meta.url}`,
      LOWEST_PG_FOLDER: home,
      LOWEST_PG_VERSION: version,
    })
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function run([command, ...parameters], environment) {
  const cwd = fileURLToPath(root)
  const env = { ...process.env, ...environment }
  return spawnSync(command, parameters, { cwd, env, stdio: 'inherit' }).status ?? 1
}

function redirect(home) {
  const usual = new URL('node_modules/pg/', root).href
  const other = new URL('node_modules/pg/', home).href
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      if (!found.url.startsWith(usual)) return found
      // Not resolved anew: `require` takes no URL.
      return { ...found, url: found.url.replace(usual, other) }
    },
  })
}
