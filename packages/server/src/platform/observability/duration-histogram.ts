// A histogram in the Prometheus text format 0.0.4, for the one measurement that is made on every request. The library's own
// hashes its labels each time, which costs more than the rest of the bookkeeping of a request.

export interface DurationHistogram {
  /** The labels must be few: constants of the program, never what a caller sends. */
  observe(listener: string, route: string, status: number, seconds: number): void;
  render(): string;
}

interface Series {
  readonly labels: string;
  /** By bucket, not yet cumulative; the last one is what lies above all bounds. */
  readonly counts: number[];
  sum: number;
}

export function createDurationHistogram(name: string, help: string, bounds: readonly number[]): DurationHistogram {
  const all: Series[] = [];
  const byListener = new Map<string, Map<string, Map<number, Series>>>();

  const seriesOf = (listener: string, route: string, status: number): Series => {
    const byRoute = getOrAdd(byListener, listener, () => new Map<string, Map<number, Series>>());
    const byStatus = getOrAdd(byRoute, route, () => new Map<number, Series>());
    return getOrAdd(byStatus, status, () => {
      const labels = `listener="${listener}",route="${route}",status="${status}"`;
      const series = { labels, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
      all.push(series);
      return series;
    });
  };

  return {
    observe: (listener, route, status, seconds) => {
      const series = seriesOf(listener, route, status);
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += seconds;
    },
    render: () => {
      const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
      for (const { labels, counts, sum } of all) {
        let total = 0;
        for (const [index, count] of counts.entries()) {
          total += count;
          lines.push(`${name}_bucket{${labels},le="${bounds[index] ?? '+Inf'}"} ${total}`);
        }
        lines.push(`${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
