import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openPeer } from '../../../bench/peers/clients.ts'
import { differenceOf } from '../../../bench/peers/difference.ts'
import { builtIn, workloadNames } from '../../../bench/peers/names.ts'
import type { Peer } from '../../../bench/peers/peer.ts'
import { BenchDatabase } from '../../../bench/peers/server.ts'
import { shaped } from '../../../bench/peers/shape.ts'
import { workloads } from '../../../bench/peers/workloads.ts'

describe('the workloads of the comparison', () => {
  let database: BenchDatabase
  let peers: readonly Peer[]

  beforeAll(async () => {
    database = await BenchDatabase.create(inject('databaseUrl'))
    peers = await Promise.all(builtIn.map((name) => openPeer(name, database.url, 2)))
  })

  afterAll(async () => {
    for (const peer of peers) await peer.close()
    await database[Symbol.asyncDispose]()
  })

  it.each(workloadNames)('%s is the same work for everyone', async (name) => {
    const { run, shape, writes } = workloads[name]
    const before = await database.written()
    const all: unknown[] = []
    for (const peer of peers) {
      const result = await run(peer, 3)
      const written = await database.written()
      all.push({ result: shape && shaped(result, shape, peer.read), written })
      expect(differenceOf(written, before) !== undefined).toBe(writes === true)
      if (writes === true) await database.reset()
    }
    expect(await database.written()).toEqual(before)
    for (const each of all) expect(differenceOf(each, all[0])).toBeUndefined()
  })
})
