import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { plainEnvironment } from './postgres-account.ts'
import type { Account } from './postgres-account.ts'

export interface Launch {
  readonly account: Account | undefined
  readonly binaries: string
  readonly password: string
  readonly port: number
  readonly temporary: string
}

export interface Supervised {
  /** Holds everything that belongs to this server; made and removed by the supervisor. */
  readonly folder: string
  /** Resolves when no process is left, with the last lines of the log. */
  readonly ended: Promise<string>
  /** From now on the server does not keep our event loop alive. */
  readonly letParentExit: () => void
  readonly stop: () => Promise<void>
}

// $1: the folder to make, $2: the binaries, then the server's arguments. The first line of stdin
// is the password; its end means that our process stopped us or is gone: descriptor 3. Descriptor
// 4 is the report, held by everything but initdb and postgres, whose output goes to the log.
// Signals are ignored since only the end of stdin decides; the programs set handlers of their own.
// SIGINT is repeated: the server ignores it until it has set its handler.
const script = `
trap '' HUP INT QUIT TERM
umask 077
folder=$1 binaries=$2
shift 2
mkdir "$folder" || exit 1
exec 3<&0 </dev/null 4>&2 2>/dev/null

end_with_parent() {
  read -r line <&3
  : >"$folder/stopping"
  for signal in INT QUIT KILL; do
    tries=0
    while [ $tries -lt 250 ]; do
      kill -$signal $1 || return
      sleep 0.02
      tries=$((tries + 1))
    done
  done
}

watched() {
  "$@" >"$folder/log" 2>&1 3<&- 4>&- &
  program=$!
  end_with_parent $program &
  watcher=$!
  wait $program
  status=$?
  [ -e "$folder/stopping" ] || kill -KILL $watcher
  wait $watcher
  return $status
}

IFS= read -r password <&3
printf '%s' "$password" >"$folder/password"
watched "$binaries/bin/initdb" --pgdata="$folder/data" --pwfile="$folder/password" \\
  --username=postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C \\
  --locale-provider=builtin --builtin-locale=C.UTF-8 \\
  --no-sync --no-instructions --no-data-checksums \\
  && rm "$folder/password" \\
  && watched "$binaries/bin/postgres" -D "$folder/data" "$@"
tail -n 20 "$folder/log" >&4
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$folder" && break
  sleep 0.2
done
`

/** Starts a shell that makes, runs and removes a cluster, and outlives us by a moment only. */
export function supervise(launch: Launch): Supervised {
  const { account, binaries, password, port, temporary } = launch
  const folder = join(temporary, `fastify-data-bridge-${randomBytes(8).toString('hex')}`)
  const child = spawn(
    '/bin/sh',
    ['-c', script, 'postgres-supervisor', folder, binaries, ...serverArguments(port)],
    {
      ...account,
      cwd: '/',
      detached: true,
      env: plainEnvironment(),
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  const { stdin, stderr } = child
  const ended = new Promise<string>((resolve) => {
    let report = ''
    stderr.setEncoding('utf8').on('data', (text: string) => (report += text))
    child.once('error', (error) => resolve(error.message))
    child.once('close', () => resolve(report.trim()))
  })
  stdin.on('error', () => {}) // it ended before it read the password; `ended` tells why
  stdin.write(`${password}\n`)

  const handles = [child, ...[stdin, stderr].filter((stream) => stream instanceof Socket)]
  const end = async (): Promise<void> => {
    for (const handle of handles) handle.ref()
    stdin.destroy()
    await ended
    await rm(folder, { recursive: true, force: true }) // if the supervisor itself was killed
  }
  let stopping: Promise<void> | undefined
  return {
    folder,
    ended,
    letParentExit: () => {
      for (const handle of handles) handle.unref()
    },
    stop: () => (stopping ??= end()),
  }
}

function serverArguments(port: number): string[] {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    jit: 'off',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
