/** What a transaction is to be; undefined where the command does not say it. */
export interface CommandMode {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined
  readonly readOnly?: boolean | undefined
  readonly deferrable?: boolean | undefined
}

/** A command of SQL that begins, ends or divides a transaction. */
export type TransactionCommand =
  | { readonly kind: 'begin' | 'set'; readonly mode: CommandMode }
  | { readonly kind: 'commit' | 'rollback' }
  | { readonly kind: 'savepoint' | 'release' | 'rollback to'; readonly name: string }

const mayBeCommand =
  /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|set\s+transaction)\b/i

const begin = /^(?:begin(?: work| transaction)?|start transaction)(?: (?<modes>.+))?$/i
const set = /^set transaction (?<modes>.+)$/i
const end = /^(?:(?<commit>commit|end)|rollback|abort)(?: work| transaction)?(?: and no chain)?$/i
const named =
  /^(?:(?<savepoint>savepoint)|(?<release>release)(?: savepoint)?|rollback(?: work| transaction)? to(?: savepoint)?) (?<name>"(?:[^"]|"")+"|[\p{L}_][\p{L}\d_$]*)$/iu

/** The command that a text is. Undefined if it is something else, or more than one statement. */
export function transactionCommand(text: string): TransactionCommand | undefined {
  if (!mayBeCommand.test(text)) return undefined
  const words = text.trim().replace(/\s*;$/, '').replaceAll(/\s+/g, ' ')
  const ended = end.exec(words)
  if (ended !== null) return { kind: ended.groups?.['commit'] ? 'commit' : 'rollback' }
  const divided = named.exec(words)?.groups
  if (divided !== undefined) {
    const { savepoint, release, name = '' } = divided
    const kind = savepoint ? 'savepoint' : release ? 'release' : 'rollback to'
    return { kind, name: name.startsWith('"') ? name : name.toLowerCase() }
  }
  const begun = begin.exec(words)
  const mode = modeOf((begun ?? set.exec(words))?.groups?.['modes'] ?? (begun ? '' : 'none'))
  return mode && { kind: begun ? 'begin' : 'set', mode }
}

const modes: Readonly<Record<string, CommandMode>> = {
  'isolation level serializable': { isolation: 'serializable' },
  'isolation level repeatable read': { isolation: 'repeatable read' },
  'isolation level read committed': { isolation: 'read committed' },
  // For PostgreSQL the two are the same.
  'isolation level read uncommitted': { isolation: 'read committed' },
  'read only': { readOnly: true },
  'read write': { readOnly: false },
  deferrable: { deferrable: true },
  'not deferrable': { deferrable: false },
}

const eachMode =
  /isolation level (?:serializable|repeatable read|read (?:un)?committed)|read only|read write|(?:not )?deferrable/g

/** Undefined if one of the modes is not known. */
function modeOf(text: string): CommandMode | undefined {
  const words = text.toLowerCase()
  if (!/^[ ,]*$/.test(words.replaceAll(eachMode, ''))) return undefined
  return Object.assign({}, ...[...words.matchAll(eachMode)].map(([mode]) => modes[mode]))
}
