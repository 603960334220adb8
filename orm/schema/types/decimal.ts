const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i
const zero = 48

/**
 * One text for all that say the same number: `1.50`, `+1.5` and `15e-1` are `15e-1`. What is no
 * decimal number, such as `NaN`, stays as it is.
 */
export function canonicalDecimal(text: string): string {
  const match = pattern.exec(text)
  if (match === null) return text
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  let start = 0
  let end = digits.length
  while (start < end && digits.charCodeAt(start) === zero) start += 1
  while (end > start && digits.charCodeAt(end - 1) === zero) end -= 1
  if (start === end) return '0'
  const power = Number(exponent) - fraction.length + digits.length - end
  return `${sign === '-' ? '-' : ''}${digits.slice(start, end)}e${power}`
}
