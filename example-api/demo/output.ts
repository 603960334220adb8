import { styleText } from 'node:util'

const isColoured = process.stdout.isTTY && !process.env.NO_COLOR

// The reader may stop early (`npm run demo | head`). The demo still cleans up.
process.stdout.on('error', () => {})

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return isColoured ? styleText(style, text, { validateStream: false }) : text
}
