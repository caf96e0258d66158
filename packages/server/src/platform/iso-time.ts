/**
 * Writes times as ISO 8601 in UTC with milliseconds and remembers the last one: many requests share a millisecond, and
 * writing a date is among the dearer things done for each.
 */
export function createIsoTime(): (time: number) => string {
  let lastTime = Number.NaN;
  let lastText = '';
  return (time) => {
    if (time !== lastTime) {
      lastTime = time;
      lastText = new Date(time).toISOString();
    }
    return lastText;
  };
}
