import { expect, it } from 'vitest'
import { markdownTable, textTable } from '../../bench/table.ts'

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

it('writes Markdown with columns of one width', () => {
  const rows = [
    ['workload', 'pg'],
    ['by key', '0.131 ms'],
    ['list', ''],
  ]
  expect(markdownTable(rows).split('\n')).toEqual([
    '| workload | pg       |',
    '| -------- | -------- |',
    '| by key   | 0.131 ms |',
    '| list     |          |',
  ])
})
