const dayMs = 86_400_000

// The program may change how Dates are written, before or after this file is loaded.
const [toJSON, toISOString] = [methodOf('toJSON'), methodOf('toISOString')]
const isNative = [toJSON, toISOString].every((method) =>
  Function.prototype.toString.call(method).includes('[native code]'),
)

function methodOf(name: keyof Date): unknown {
  return Date.prototype[name]
}

// From 0000-01-01 to 9999-12-31: other years have a sign and six digits.
const first = -62_167_219_200_000
const last = 253_402_300_799_999

const two = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'))
const three = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))

// Rows of one list often have one day.
let knownDay = 0
let prefix = '1970-01-01T'

/** What `JSON.stringify` makes of a Date. The Date itself if the program has changed how it is written. */
export function jsonOfDate(date: Date): unknown {
  if (!isNative || date.toJSON !== toJSON || date.toISOString !== toISOString) return date
  const time = Date.prototype.getTime.call(date)
  return time >= first && time <= last ? isoText(time) : date.toJSON()
}

function isoText(time: number): string {
  const day = Math.floor(time / dayMs)
  if (day !== knownDay) {
    prefix = new Date(time).toISOString().slice(0, 11)
    knownDay = day
  }
  const rest = time - day * dayMs
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${prefix}${two[hours]}:${two[minutes - hours * 60]}:${two[seconds - minutes * 60]}.${three[rest - seconds * 1000]}Z`
}
