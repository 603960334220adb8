/** Everyone who is compared, in the order of the tables. The first is the base of all ratios. */
export const peerNames = [
  'pg',
  'pg-named',
  'postgres',
  'drizzle',
  'kysely',
  'mikro-orm',
  'typeorm',
  'prisma',
  'ours',
] as const

export type PeerName = (typeof peerNames)[number]

/** The base of all ratios. */
export const base = 'pg' satisfies PeerName

/** The base a second time, in its own process. The difference between equal programs is noise. */
export const again = 'pg again'

/** Who takes part in a run: the peers, and the base again. */
export type EntrantName = PeerName | typeof again

/** The peers that come with the repository. The others are installed on the first run. */
export const builtIn: readonly PeerName[] = ['pg', 'pg-named', 'ours']

/** What is done over a direct connection. */
export const workloadNames = [
  'key',
  'key16',
  'list100',
  'list1000',
  'nested',
  'insert1000',
  'change500',
  'transaction',
  'lazy50',
  'eager50',
] as const

export type WorkloadName = (typeof workloadNames)[number]

/** What is also done through a proxy that adds latency. */
export const distantNames = ['key', 'nested', 'transaction', 'lazy50'] as const

/** Milliseconds of latency each way. */
export const latencies = [0, 0.5, 1] as const

export const routeNames = ['http-get', 'http-list', 'http-post'] as const

export type RouteName = (typeof routeNames)[number]
