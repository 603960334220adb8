import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { peerNames } from '../../../bench/peers/names.ts'
import { versionLine } from '../../../bench/peers/versions.ts'

const root = resolve(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const peers = JSON.parse(read('bench/peers/package.json')) as Manifest
const own = JSON.parse(read('package.json')) as Manifest

it('names exact versions, and the driver that this package is tested with', () => {
  for (const version of Object.values({ ...peers.dependencies, ...peers.devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
  }
  expect(peers.dependencies['pg']).toBe(own.devDependencies['pg'])
})

it('has a lock file of its own, which names no registry', () => {
  const lock = read('bench/peers/package-lock.json')
  expect(lock).not.toContain('"resolved"')
  expect(lock).toContain('"integrity"')
})

it('knows the version of everyone who takes part', () => {
  expect(versionLine(peerNames)).not.toContain('undefined')
  expect(versionLine(['pg', 'pg again', 'pg-named'])).toBe(`pg ${peers.dependencies['pg']}`)
})
