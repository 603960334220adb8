import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Whose file it is: of the program, of an installed package, of this library, or of Node. */
export type FileOwner = 'program' | 'package' | 'library' | 'node'

const root = join(import.meta.dirname, '../..')

// Not the root itself: it is the folder of the program too, where the library is tried from its sources.
const ownFolders = [join(root, 'orm') + sep, join(root, 'plugin') + sep]

const known = new Map<string, FileOwner>()

/** Whose file it is, by its name as V8 says it. */
export function ownerOf(file: string): FileOwner {
  let owner = known.get(file)
  if (owner === undefined) known.set(file, (owner = ownerOfPath(pathOf(file))))
  return owner
}

function ownerOfPath(path: string): FileOwner {
  if (path.startsWith('node:')) return 'node'
  if (ownFolders.some((folder) => path.startsWith(folder))) return 'library'
  return isInstalled(path) ? 'package' : 'program'
}

/** Whether a file belongs to an installed package. */
export function isInstalled(path: string): boolean {
  return /[\\/]node_modules[\\/]/.test(path)
}

/** The path of a file, which modules name by a URL. */
export function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file
  try {
    return fileURLToPath(file)
  } catch {
    // A script may have any name.
    return file
  }
}
