import assert from 'node:assert/strict'
import { canGenerate } from '../../orm/util/code-generation.ts'

// Or the files of this project would say nothing of a process that must not generate code.
// oxlint-disable-next-line typescript/no-implied-eval -- has to be refused
assert.throws(() => new Function('return true'), EvalError)
assert.equal(canGenerate(), false)
