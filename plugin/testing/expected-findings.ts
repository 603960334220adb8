import { describe, type Finding, optionError, recordingScope } from '../../orm/index.ts'
import { Recorder } from './recorder.ts'

/**
 * Runs a function whose N+1 patterns are wanted, and gives its findings. They fail no test. Rejects if there are none.
 *
 * @example
 * ```ts
 * import assert from 'node:assert'
 * import type { Database } from 'fastify-data-bridge/orm'
 * import { expectFindings } from 'fastify-data-bridge/testing'
 * import { Post } from './entities.ts'
 *
 * export async function testLazyLoads(database: Database): Promise<void> {
 *   const findings = await expectFindings(() =>
 *     database.run(async (session) => {
 *       for (const post of await session.find(Post).toList()) await post.author
 *     }),
 *   )
 *   assert.equal(findings[0]?.target, 'Post.author')
 * }
 * ```
 */
export async function expectFindings(fn: () => unknown): Promise<readonly Finding[]> {
  const recorder = new Recorder()
  try {
    await recorder.during(fn)
  } finally {
    recorder.expectFindings()
  }
  const { findings } = recorder
  if (findings.length === 0) throw new Error('Expected findings, got none.')
  return findings
}

/**
 * The findings of the running test do not fail it, neither those so far nor those to come.
 *
 * @example
 * ```ts
 * import { ignoreFindings } from 'fastify-data-bridge/testing'
 * import { it } from 'vitest'
 *
 * it('reads the old list, one author at a time', async () => {
 *   ignoreFindings('the old list goes away in May')
 * })
 * ```
 */
export function ignoreFindings(reason: string): void {
  if (typeof reason !== 'string' || reason.trim() === '')
    throw optionError(`ignoreFindings() expected a reason, got ${describe(reason)}`)
  const recordings = []
  for (let each = recordingScope.getStore(); each !== undefined; each = each.outer)
    recordings.push(each)
  const outermost = recordings.at(-1)
  if (!(outermost instanceof Recorder))
    throw new Error(
      'ignoreFindings() expected a running test with fastify-data-bridge/testing/vitest as a setup file, got none.',
    )
  outermost.ignoresFindings = true
}
