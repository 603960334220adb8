import type { PeerName } from './names.ts'
import type { OpenPeer, Peer } from './peer.ts'

/** Only the module of the named peer is loaded. */
export async function openPeer(name: PeerName, url: string, connections: number): Promise<Peer> {
  const open = await loaders[name]()
  return await open(url, connections)
}

// The paths of what is installed later are no literals: the compiler does not follow them.
const installed = async (file: string): Promise<OpenPeer> => {
  const module = (await import(new URL(`installed/${file}`, import.meta.url).href)) as {
    readonly open: OpenPeer
  }
  return module.open
}

const loaders: Readonly<Record<PeerName, () => Promise<OpenPeer>>> = {
  pg: async () => (await import('./clients/pg.ts')).openUnnamed,
  'pg-named': async () => (await import('./clients/pg.ts')).openNamed,
  ours: async () => (await import('./clients/ours.ts')).openOurs,
  postgres: () => installed('postgres.ts'),
  drizzle: () => installed('drizzle.ts'),
  kysely: () => installed('kysely.ts'),
  'mikro-orm': () => installed('mikro-orm.ts'),
  typeorm: () => installed('typeorm.ts'),
  prisma: () => installed('prisma.ts'),
}
