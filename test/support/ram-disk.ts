import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const place = '/dev/shm'
const bytesNeeded = 4 * 2 ** 30

/**
 * A temporary folder in memory, where there is room for one from which programs can be run: a cluster of PostgreSQL is
 * a thousand small files, for which some disks take longer than for all else.
 */
export function makeRamDisk(): string | undefined {
  if (process.availableMemory() < bytesNeeded) return undefined
  let folder: string | undefined
  try {
    const { bavail, bsize } = statfsSync(place)
    if (bavail * bsize < bytesNeeded) return undefined
    folder = mkdtempSync(join(place, 'data-bridge-test-'))
    chmodSync(folder, 0o1777) // PostgreSQL may run under another account
    const probe = join(folder, 'probe')
    writeFileSync(probe, '#!/bin/sh\n', { mode: 0o755 })
    execFileSync(probe)
    rmSync(probe)
    return folder
  } catch {
    if (folder !== undefined) rmSync(folder, { recursive: true })
    return undefined
  }
}
