/** `npm run bench` lists the benchmarks. `npm run bench -- <name>` runs one, and fails if it misses a limit. */
import { type Benchmark, UsageError } from './benchmark.ts'
import { nPlusOne } from './n-plus-one/benchmark.ts'
import { peers } from './peers/benchmark.ts'
import { statements } from './statements/benchmark.ts'
import { telemetry } from './telemetry/benchmark.ts'

const benchmarks: readonly Benchmark[] = [nPlusOne, peers, statements, telemetry]

const [name, ...options] = process.argv.slice(2)
const benchmark = benchmarks.find((each) => each.name === name)

if (name === undefined) {
  console.log(`npm run bench -- <name>\n\n${listed()}`)
} else if (benchmark === undefined) {
  refuse(`Expected the name of a benchmark, got "${name}". The benchmarks are:\n\n${listed()}`)
} else if (benchmark.options === undefined && options.length > 0) {
  refuse(`Expected no options for ${name}, got "${options.join(' ')}".`)
} else {
  await run(benchmark)
}

async function run(chosen: Benchmark): Promise<void> {
  try {
    if (!(await chosen.run(options))) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    refuse(`${error.message}\n\n${chosen.options ?? ''}`)
  }
}

function refuse(message: string): void {
  console.error(message)
  process.exitCode = 1
}

function listed(): string {
  return benchmarks
    .map(({ name: each, summary, options: help }) => {
      const line = `  ${each.padEnd(12)} ${summary}`
      return help === undefined ? line : `${line}\n${help.replaceAll(/^/gm, ' '.repeat(15))}`
    })
    .join('\n')
}
