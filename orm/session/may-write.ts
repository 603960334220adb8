import type { Statement } from '../sql/statement.ts'

const reading: ReadonlySet<string> = new Set(['SELECT', 'SET', 'SHOW', 'TABLE', 'VALUES'])

/** Whether SQL of the application may have changed rows; what a function does that a SELECT calls is not seen. */
export function mayWrite({ summary, text }: Pick<Statement, 'summary' | 'text'>): boolean {
  if (summary !== 'WITH') return !reading.has(summary)
  return /\b(?:insert|update|delete|merge)\b/i.test(text)
}
