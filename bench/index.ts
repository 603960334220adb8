/** `npm run bench` lists the benchmarks. `npm run bench -- <name>` runs one, and fails if it misses a limit. */
import type { Benchmark } from './benchmark.ts'
import { statements } from './statements/benchmark.ts'
import { telemetry } from './telemetry/benchmark.ts'

const benchmarks: readonly Benchmark[] = [statements, telemetry]

const [name, ...others] = process.argv.slice(2)
const benchmark = benchmarks.find((each) => each.name === name)

if (name === undefined) {
  console.log(`npm run bench -- <name>\n\n${listed()}`)
} else if (benchmark === undefined || others.length > 0) {
  const given = [name, ...others].join(' ')
  console.error(
    `Expected the name of one benchmark, got "${given}". The benchmarks are:\n\n${listed()}`,
  )
  process.exitCode = 1
} else if (!(await benchmark.run())) {
  process.exitCode = 1
}

function listed(): string {
  return benchmarks.map(({ name: each, summary }) => `  ${each.padEnd(12)} ${summary}`).join('\n')
}
