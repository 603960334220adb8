import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EntrantName, PeerName } from './names.ts'
import { peerOf } from './options.ts'

/** The package that a peer comes from. */
const packages: Readonly<Record<PeerName, string>> = {
  pg: 'pg',
  'pg-named': 'pg',
  postgres: 'postgres',
  drizzle: 'drizzle-orm',
  kysely: 'kysely',
  'mikro-orm': '@mikro-orm/postgresql',
  typeorm: 'typeorm',
  prisma: '@prisma/client',
  ours: 'fastify-data-bridge',
}

/** The packages of a run with their versions, which are exact in the manifest. */
export function versionLine(entrants: readonly EntrantName[]): string {
  const manifest = manifestOf(import.meta.dirname)
  const own = manifestOf(join(import.meta.dirname, '../..'))
  const names = new Set(entrants.map((entrant) => packages[peerOf(entrant)]))
  return [...names]
    .map((name) => `${name} ${name === own.name ? own.version : manifest.dependencies[name]}`)
    .join(', ')
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}
