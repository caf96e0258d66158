// `Retry-After`: RFC 9110 section 10.2.3, its dates in the three forms of section 5.6.7.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${months.join('|')})`;
const time = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
const forms = [
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>\\d\\d)-${month}-(?<shortYear>\\d\\d) ${time} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`),
];

/**
 * @param now milliseconds since the epoch, best by the clock of the server (its `Date` header)
 * @returns how long to wait in milliseconds, never negative; undefined for a value that is neither seconds nor a date
 */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER);
  const date = parseHttpDate(text, now);
  return date === undefined ? undefined : Math.max(date - now, 0);
}

/** In milliseconds since the epoch. @param now for years of two digits, which are never more than 50 years ahead */
export function parseHttpDate(text: string, now: number): number | undefined {
  const groups = forms.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (groups === undefined) return undefined;
  const { day, month: name, year, shortYear, hour, minute, second } = groups;
  const fullYear = shortYear === undefined ? Number(year) : nearestYear(Number(shortYear), now);
  const midnight = new Date(0).setUTCFullYear(fullYear, months.indexOf(name ?? ''), Number(day));
  return midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

function nearestYear(shortYear: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + shortYear;
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
