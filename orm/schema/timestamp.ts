const pattern =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/

/** Milliseconds since 1970 of PostgreSQL's text of a `timestamptz` (DateStyle ISO); microseconds are cut. */
export function decodeTimestamp(text: string): number {
  const match = pattern.exec(text)
  if (match === null) {
    throw new RangeError(
      text.includes('infinity')
        ? 'an infinite timestamp, which no Date can hold'
        : 'a timestamp that is not in the format of DateStyle ISO',
    )
  }
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = '',
    sign,
    zoneHour,
    zoneMinute,
    zoneSecond,
    bc,
  ] = match
  const fullYear = bc === undefined ? Number(year) : 1 - Number(year)
  const moment = new Date(0)
  moment.setUTCFullYear(fullYear, Number(month) - 1, Number(day))
  const time =
    ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 +
    Number(fraction.slice(0, 3).padEnd(3, '0'))
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute ?? 0)) * 60 + Number(zoneSecond ?? 0)
  return moment.getTime() + time - (sign === '-' ? -zone : zone) * 1000
}
