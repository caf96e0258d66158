/**
 * Writes times as ISO 8601 in UTC with milliseconds and remembers the last second: many requests share one, and writing a date
 * is among the dearer things done for each.
 *
 * @param time whole milliseconds since the epoch
 */
export function createIsoTime(): (time: number) => string {
  let lastSecond = Number.NaN;
  let lastText = '';
  return (time) => {
    const second = Math.floor(time / 1_000);
    if (second !== lastSecond) {
      lastText = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length);
      lastSecond = second;
    }
    const milliseconds = time - second * 1_000;
    return `${lastText}${milliseconds < 100 ? '0' : ''}${milliseconds < 10 ? '0' : ''}${milliseconds}Z`;
  };
}
