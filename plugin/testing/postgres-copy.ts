import {
  chmod,
  cp,
  lstat,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

const abandonedAfter = 10 * 60_000

/**
 * Copies the binaries to a folder of the shared temporary folder, readable for every account, with
 * the links that the package's install script would have made. It appears there at once, by a
 * rename, so processes that copy at the same time do not meet. A complete copy is left alone.
 */
export async function copyBinaries(installed: string, target: string): Promise<void> {
  if (await isComplete(target, installed)) return
  await removeAbandoned(target)
  const draft = await mkdtemp(`${target}.partial-`)
  try {
    await cp(installed, draft, { recursive: true, verbatimSymlinks: true })
    await makeLinks(draft)
    await openToAll(draft)
    await moveTo(target, draft, installed)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** Anyone may make a folder of this name in /tmp: one that is not ours or root's is an error. */
async function isComplete(target: string, installed: string): Promise<boolean> {
  const found = await lstat(target).catch(() => undefined)
  if (found === undefined) return false
  const ours = found.uid === process.geteuid?.() || found.uid === 0
  if (!found.isDirectory() || !ours || (found.mode & 0o022) !== 0) {
    throw new Error(
      `${target} is not trusted, since another user can write to it: remove it, or set TMPDIR to ` +
        'a folder of your own.',
    )
  }
  // Cleaners of the temporary folder remove files one by one.
  const present = new Set(await readdir(target, { recursive: true }))
  const expected = await readdir(installed, { recursive: true })
  return expected.every((path) => present.has(path))
}

async function moveTo(target: string, draft: string, installed: string): Promise<void> {
  try {
    await rename(draft, target)
  } catch (error) {
    if (await isComplete(target, installed)) return
    const damaged = `${draft}.old`
    await rename(target, damaged).catch(() => {
      throw error
    })
    await rename(draft, target)
    await rm(damaged, { recursive: true, force: true })
  }
}

async function makeLinks(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as readonly { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    const link = join(folder, relative('native', target))
    await symlink(relative(dirname(target), source), link).catch(ignoreExisting)
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    const executable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0
    await chmod(path, executable ? 0o755 : 0o644)
  }
}

/** What a process left behind that was killed while it copied. */
async function removeAbandoned(target: string): Promise<void> {
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(`${basename(target)}.partial-`)) continue
    const path = join(dirname(target), name)
    const found = await lstat(path).catch(() => undefined)
    if (found === undefined || found.uid !== process.geteuid?.()) continue
    if (Date.now() - found.mtimeMs < abandonedAfter) continue
    await rm(path, { recursive: true, force: true })
  }
}
