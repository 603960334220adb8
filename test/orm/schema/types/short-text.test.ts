import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readText } from '../../../../orm/schema/types/short-text.ts'

/** In the middle of other bytes, as in a message. */
function read(bytes: Buffer): string {
  const around = Buffer.concat([Buffer.from('é'), bytes, Buffer.from('é')])
  return readText(around, 2, bytes.length)
}

it.each(Array.from({ length: 40 }, (_, length) => length))('reads %i characters', (length) => {
  const ascii = Array.from({ length }, (_, place) => String.fromCharCode((place * 37) % 128))
  expect(read(Buffer.from(ascii.join('')))).toBe(ascii.join(''))
  for (let place = 0; place < length; place += 1)
    for (const character of ['\u0080', 'é', '名', '👩', '\u007F', '\0']) {
      const text = ascii.with(place, character).join('')
      expect(read(Buffer.from(text))).toBe(text)
    }
})

it('reads any text, and bytes that are none, as Buffer does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      expect(read(Buffer.from(text))).toBe(Buffer.from(text).toString())
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(read(Buffer.from(bytes))).toBe(Buffer.from(bytes).toString())
    }),
  )
})
