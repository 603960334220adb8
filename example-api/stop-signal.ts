const names = ['SIGINT', 'SIGTERM'] as const

// A terminal sends Ctrl-C to npm and to this process, and npm passes it on. A second signal within this time is the
// same Ctrl-C.
const echoWithin = 500

/**
 * Returns a signal that is aborted by Ctrl-C or SIGTERM. Its reason is the name of that signal. The second
 * time, the process ends at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let askedAt: number | undefined
  const onSignal = (name: NodeJS.Signals): void => {
    askedAt ??= performance.now()
    if (!controller.signal.aborted) controller.abort(name)
    else if (performance.now() - askedAt > echoWithin) endBySignal(name)
  }
  for (const name of names) process.on(name, onSignal)
  return controller.signal
}

/** Ends the process by the signal itself, so that its parent sees the cause. */
export function endBySignal(name: NodeJS.Signals): void {
  process.removeAllListeners(name)
  process.kill(process.pid, name)
}
