import { DataBridgeError } from '../errors.ts'

const wait = (): void => {}

// An error may fail several promises. It keeps the frames of the first.
const told = new WeakSet<object>()

/**
 * A promise that rejects with an error whose stack leads to who awaits it. The driver makes its errors when
 * bytes arrive, where no caller is known; a promise that is resolved with this one knows its own.
 */
export function rejection(error: unknown): Promise<never> {
  return (
    Promise.resolve()
      // The caller's promise follows this one only from the next microtask on.
      .then(wait)
      .then(() => {
        if (error instanceof DataBridgeError && !told.has(error)) {
          told.add(error)
          tellCaller(error)
        }
        throw error
      })
  )
}

const mostFrames = 50

function tellCaller(error: Error): void {
  const { stackTraceLimit } = Error
  // An application that wants no frames gets none.
  if (!(stackTraceLimit > 0)) return
  const here: { stack?: string } = {}
  Error.stackTraceLimit = Math.max(stackTraceLimit, mostFrames)
  Error.captureStackTrace(here, tellCaller)
  Error.stackTraceLimit = stackTraceLimit
  const callers = framesOf(here.stack).slice(1)
  if (callers.length === 0) return
  const { stack = '' } = error
  const frames = framesOf(stack)
  const head = frames.length === 0 ? stack : stack.slice(0, stack.indexOf(`\n${frames[0]}`))
  error.stack = [head, ...callers].join('\n')
}

function framesOf(stack: string = ''): string[] {
  const lines = stack.split('\n')
  const first = lines.findIndex((line) => line.startsWith('    at '))
  return first === -1 ? [] : lines.slice(first)
}
