import { expect, it } from 'vitest'
import { textTable } from '../../bench/table.ts'

it('puts numbers to the right and words to the left', () => {
  const rows = [
    ['', 'CPU', 'meaning'],
    ['off', '1.25', 'nothing'],
    ['sampled', '10.50', 'all'],
    ['other', '', ''],
  ]
  expect(textTable(rows).split('\n')).toEqual([
    '           CPU  meaning',
    '-------  -----  -------',
    'off       1.25  nothing',
    'sampled  10.50  all',
    'other',
  ])
})
