const names = ['SIGINT', 'SIGTERM'] as const

// A terminal sends Ctrl-C to npm and to us, and npm passes it on: what comes so soon is the same one.
const echoWithin = 500

/**
 * Aborts when the process is asked to end, by Ctrl-C or SIGTERM, with the signal's name as its
 * reason. Asked again, the process ends at once.
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

/** Ends the process by the signal itself, so that its parent sees what ended it. */
export function endBySignal(name: NodeJS.Signals): void {
  process.removeAllListeners(name)
  process.kill(process.pid, name)
}
