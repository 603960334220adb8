import { describe, expect, it } from 'vitest'
import { type Output, Progress } from '../../../bench/peers/progress.ts'

function written(isTTY: boolean, columns = 80): { readonly output: Output; text: () => string } {
  let text = ''
  const write = (part: unknown): boolean => {
    text += String(part)
    return true
  }
  return { output: { isTTY, columns, write }, text: () => text }
}

describe('progress', () => {
  it('is one line on a terminal, which is cleared at the end', () => {
    const { output, text } = written(true)
    {
      using progress = new Progress(output)
      progress.phase('measuring')
      progress.step(1, 2)
    }
    expect(text()).toBe('\r\u001B[Kmeasuring\r\u001B[Kmeasuring  1/2\r\u001B[K')
  })

  it('is cut to the width of the terminal', () => {
    const { output, text } = written(true, 6)
    new Progress(output).phase('measuring')
    expect(text()).toBe('\r\u001B[Kmeasu')
  })

  it('is a line for each phase elsewhere', () => {
    const { output, text } = written(false)
    {
      using progress = new Progress(output)
      progress.phase('filling')
      progress.step(1, 2)
      progress.phase('measuring')
    }
    expect(text()).toBe('filling\nmeasuring\n')
  })
})
