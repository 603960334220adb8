import { expect, it } from 'vitest'
import { print } from '../../../plugin/testing/contract/print.ts'

it('prints JSON that can be read in a difference', () => {
  const contract = {
    plans: 'checked',
    indexes: { posts_pkey: 'unique posts USING btree (id)' },
    routes: {
      'GET /posts': {
        transaction: { reads: '1' },
        statements: [{ sql: 'select', lookups: [{ table: 'a' }, { table: 'b' }], none: [] }],
      },
    },
  }
  expect(JSON.parse(print(contract))).toEqual(contract)
  expect(print(contract)).toBe(`{
  "plans": "checked",
  "indexes": {
    "posts_pkey": "unique posts USING btree (id)"
  },
  "routes": {
    "GET /posts": {
      "transaction": { "reads": "1" },
      "statements": [
        {
          "sql": "select",
          "lookups": [
            { "table": "a" },
            { "table": "b" }
          ],
          "none": []
        }
      ]
    }
  }
}
`)
})
