import { styleText } from 'node:util'

const isColoured = process.stdout.isTTY && !process.env.NO_COLOR

// Whoever reads along may stop early (`npm run demo | head`); the demo still takes itself down.
process.stdout.on('error', () => {})

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return isColoured ? styleText(style, text, { validateStream: false }) : text
}
