// A program has some hundred texts; one that writes values into its SQL has any number.
const mostTexts = 500

/** A function of texts that works once for each: requests send the same ones again and again. */
export function remembered<T>(fn: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined || known.has(text)) return found as T
    if (known.size >= mostTexts) known.clear()
    const made = fn(text)
    known.set(text, made)
    return made
  }
}
