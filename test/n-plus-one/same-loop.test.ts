import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { captureSite } from '../../orm/n-plus-one/capture.ts'
import { isSameLoop, isSameTop } from '../../orm/n-plus-one/same-loop.ts'
import type { CallSite } from '../../orm/util/call-site.ts'

type Call = () => Promise<unknown>

/** How many of the calls of some work come from each place: `[3]` if three come from one loop. */
async function placesOf(
  work: (call: Call) => unknown,
  isSame: (one: CallSite, other: CallSite) => boolean = isSameLoop,
): Promise<readonly number[]> {
  const places: CallSite[][] = []
  const calls: Promise<unknown>[] = []
  const call: Call = () => {
    const site = captureSite() as CallSite
    const place = places.find((each) => isSame(each.at(-1) as CallSite, site))
    if (place === undefined) places.push([site])
    else place.push(site)
    const answer = setImmediate()
    calls.push(answer)
    return answer
  }
  await work(call)
  await Promise.all(calls)
  return places.map(({ length }) => length)
}

const rows = [1, 2, 3]

async function helper(call: Call): Promise<void> {
  await call()
}

async function later(call: Call): Promise<void> {
  await setImmediate()
  await call()
}

async function service(call: Call): Promise<void> {
  for (const _row of rows) await call()
}

async function throughHelper(call: Call): Promise<void> {
  for (const _row of rows) await helper(call)
}

async function handler(call: Call, inner: (call: Call) => Promise<void>): Promise<void> {
  await inner(call)
}

describe('the calls of one loop are one place', () => {
  it('A: for … of in a service', async () => {
    expect(await placesOf((call) => handler(call, service))).toEqual([3])
  })

  it('B: Promise.all', async () => {
    expect(await placesOf((call) => Promise.all(rows.map(() => call())))).toEqual([3])
    expect(await placesOf((call) => Promise.all(rows.map(() => later(call))))).toEqual([3])
  })

  it('C: not three explicit lines by way of a helper', async () => {
    const lines = async (call: Call): Promise<void> => {
      await helper(call)
      await helper(call)
      await helper(call)
    }
    expect(await placesOf((call) => handler(call, lines))).toEqual([1, 1, 1])
    const waiting = async (call: Call): Promise<void> => {
      await later(call)
      await later(call)
      await later(call)
    }
    expect(await placesOf((call) => handler(call, waiting))).toEqual([1, 1, 1])
    const together = (call: Call): Promise<unknown> =>
      Promise.all([helper(call), helper(call), helper(call)])
    expect(await placesOf(together)).toEqual([1, 1, 1])
  })

  it('C: not three calls in one line either', async () => {
    // oxfmt-ignore
    const line = async (call: Call): Promise<void> => { await helper(call); await helper(call); await later(call) }
    expect(await placesOf((call) => handler(call, line))).toEqual([1, 1, 1])
  })

  it('D: a helper in a loop', async () => {
    expect(await placesOf((call) => handler(call, throughHelper))).toEqual([3])
  })

  it('E: a chain of promises', async () => {
    const chain = (call: Call): Promise<void> =>
      rows.reduce((before) => before.then(() => later(call)), Promise.resolve())
    expect(await placesOf(chain)).toEqual([3])
    // Without the function that captures.
    const caller = ({ frames }: CallSite): CallSite => ({ frames: frames.slice(1) })
    const isSame = (one: CallSite, other: CallSite) => isSameTop(caller(one), caller(other))
    expect(await placesOf(chain, isSame)).toEqual([3])
  })

  it('F: forEach', async () => {
    expect(await placesOf((call) => rows.forEach(() => void call()))).toEqual([3])
  })
})

type Step = (call: Call) => Promise<unknown>

/** What is called in the turns of a loop. */
const steps: Record<string, Step> = {
  'a call': (call) => call(),
  'a helper': helper,
  'a helper that waits': later,
  'two helpers': async (call) => {
    await helper(call)
  },
  'a helper that waits in a helper that waits': async (call) => {
    await setImmediate()
    await later(call)
  },
  'a method': (call) => new Service(call).run(),
  'a call in a try': async (call) => {
    try {
      await call()
    } finally {
      await setImmediate()
    }
  },
  'a call on several lines': async (call) => {
    await Promise.race([
      setImmediate().then(() => setImmediate()),
      // The call is below its await.
      call(),
    ])
  },
}

class Service {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  async run(): Promise<void> {
    await this.#call()
  }
}

async function* asyncly<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

/** A step for three rows. */
const loops: Record<string, (step: Step, call: Call) => Promise<unknown>> = {
  'for … of': async (step, call) => {
    for (const _row of rows) await step(call)
  },
  'for with a counter': async (step, call) => {
    for (let index = 0; index < rows.length; index += 1) await step(call)
  },
  while: async (step, call) => {
    const waiting = [...rows]
    while (waiting.pop() !== undefined) await step(call)
  },
  'do … while': async (step, call) => {
    let turns = 0
    do await step(call)
    while ((turns += 1) < rows.length)
  },
  'for await': async (step, call) => {
    for await (const _row of asyncly(rows)) await step(call)
  },
  'for await over promises': async (step, call) => {
    // oxlint-disable-next-line typescript/await-thenable -- it waits for each promise of the list
    for await (const answer of rows.map(() => step(call))) expect(answer).toBeUndefined()
  },
  'an async generator': async (step, call) => {
    async function* each(): AsyncGenerator<unknown> {
      for (const _row of rows) yield await step(call)
    }
    for await (const answer of each()) expect(answer).toBeUndefined()
  },
  'Promise.all': (step, call) => Promise.all(rows.map(() => step(call))),
  'Promise.all of functions that wait': (step, call) =>
    Promise.all(
      rows.map(async () => {
        await setImmediate()
        await step(call)
      }),
    ),
  'Promise.allSettled': (step, call) => Promise.allSettled(rows.map(() => step(call))),
  forEach: async (step, call) => {
    const all: Promise<unknown>[] = []
    rows.forEach(() => all.push(step(call)))
    await Promise.all(all)
  },
  'a loop in a loop': async (step, call) => {
    for (const group of [[1, 2], [3]]) for (const _row of group) await step(call)
  },
  'a loop that waits first': async (step, call) => {
    for (const _row of rows) {
      await setImmediate()
      await step(call)
    }
  },
  'a loop that waits between': async (step, call) => {
    for (const _row of rows) {
      await step(call)
      await setImmediate()
    }
  },
}

/** The same step three times, on lines of their own. */
const lists: Record<string, (step: Step, call: Call) => Promise<unknown>> = {
  'one after the other': async (step, call) => {
    await step(call)
    await step(call)
    await step(call)
  },
  'all at once': (step, call) => Promise.all([step(call), step(call), step(call)]),
  'with a wait between': async (step, call) => {
    await step(call)
    await setImmediate()
    await step(call)
    await setImmediate()
    await step(call)
  },
}

const callers: Record<string, (run: () => Promise<unknown>) => Promise<unknown>> = {
  'called at once': (run) => run(),
  'called by a function that waits for it': async (run) => {
    await run()
  },
  'called by a function that has waited': async (run) => {
    await setImmediate()
    return run()
  },
}

const product = (runs: Record<string, (step: Step, call: Call) => Promise<unknown>>) =>
  Object.entries(callers).flatMap(([caller, start]) =>
    Object.entries(runs).flatMap(([name, run]) =>
      Object.entries(steps).map(
        ([step, body]) =>
          [`${step} in ${name}, ${caller}`, (call: Call) => start(() => run(body, call))] as const,
      ),
    ),
  )

describe('any spelling of a loop', () => {
  it.each(product(loops))('%s', async (name, work) => {
    // Nobody waits yet for what is behind the first promise.
    const isUnseen = /that waits.* in for await over promises/.test(name)
    expect(await placesOf(work)).toEqual(isUnseen ? [1, 2] : [3])
  })
})

describe('no loop', () => {
  it.each(product(lists))('%s', async (name, work) => {
    // V8 says the same of `Promise.all` with a list of calls as with a loop.
    const isAlike = /that waits.* in all at once/.test(name)
    expect(await placesOf(work)).toEqual(isAlike ? [3] : [1, 1, 1])
  })
})
