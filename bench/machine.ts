import { availableParallelism, cpus } from 'node:os'

/** Names what a benchmark runs on: the version of Node, the number of CPUs and their model. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU'
  return `Node ${process.version}, ${availableParallelism()} CPUs (${model})`
}
