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

const two = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))
const three = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))

/** What `JSON.stringify` makes of a Date. The Date itself if the program has changed how it is written. */
export function jsonOfDate(date: Date): unknown {
  if (!isNative || date.toJSON !== toJSON || date.toISOString !== toISOString) return date
  const time = Date.prototype.getTime.call(date)
  return time >= first && time <= last ? isoText(time) : date.toJSON()
}

function isoText(time: number): string {
  const day = Math.floor(time / dayMs)
  const rest = time - day * dayMs
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${dateText(day)}T${two[hours]}:${two[minutes - hours * 60]}:${two[seconds - minutes * 60]}.${three[rest - seconds * 1000]}Z`
}

// The Gregorian calendar repeats every 400 years. Years begin in March here: the day that not all have is the last.
const daysOf400Years = 146_097
const daysOf100Years = 36_524
const daysOf4Years = 1461
const daysFrom0000March = 719_468

/** @param day since 1970-01-01 */
function dateText(day: number): string {
  const sinceMarch = day + daysFrom0000March
  const cycle = Math.floor(sinceMarch / daysOf400Years)
  const ofCycle = sinceMarch - cycle * daysOf400Years
  const leapDays =
    Math.floor(ofCycle / (daysOf4Years - 1)) -
    Math.floor(ofCycle / daysOf100Years) +
    Math.floor(ofCycle / (daysOf400Years - 1))
  const yearOfCycle = Math.floor((ofCycle - leapDays) / 365)
  const ofYear =
    ofCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100))
  // Five months from March on have 153 days, and so have the five behind them.
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153)
  const dayOfMonth = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
  const century = Math.floor(year / 100)
  return `${two[century]}${two[year - century * 100]}-${two[month]}-${two[dayOfMonth]}`
}
