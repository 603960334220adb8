import { expect, it } from 'vitest'
import { wantedTags } from '../../../plugin/if-match.ts'

it('reads every list of tags in linear time', () => {
  expect(wantedTags(` ,"a" ,\t, W/"b","c,d" ,`)).toEqual(['"a"', '"c,d"'])
  expect(wantedTags(' * ')).toBe('any')
  expect(wantedTags('"é"')).toEqual(['"é"'])
  expect(() => wantedTags(`${' ,'.repeat(100_000)}x`)).toThrow('If-Match expected')
  expect(() => wantedTags('"a'.repeat(100_000))).toThrow('If-Match expected')
})
