import type { Frame } from '../util/call-site.ts'

/** A frame that asks V8 when something is read: most stacks are compared, and few are told. */
export class CapturedFrame implements Frame {
  readonly file: string
  readonly raw: NodeJS.CallSite
  #line: number | undefined
  #column: number | undefined
  #function: string | undefined

  constructor(file: string, raw: NodeJS.CallSite) {
    this.file = file
    this.raw = raw
  }

  get line(): number {
    return (this.#line ??= this.raw.getLineNumber() ?? 0)
  }

  get column(): number {
    return (this.#column ??= this.raw.getColumnNumber() ?? 0)
  }

  get function(): string {
    return (this.#function ??= this.raw.getFunctionName() ?? '')
  }

  get isAsync(): boolean {
    return this.raw.isAsync()
  }
}
