import type { Session } from '../../orm/index.ts'
import { recordWire } from './recorder.ts'

const isWrite = (text: string): boolean => /^(insert|update|delete|with written)/.test(text)

/** The statements that some work writes with, in a session that then commits. */
export async function writesOf(
  url: string,
  work: (session: Session) => Promise<void>,
): Promise<readonly string[]> {
  await using recorder = recordWire(url)
  await using session = recorder.database.session()
  await work(session)
  await session.commit()
  return recorder.texts.filter(isWrite)
}
