// A histogram in the Prometheus text format 0.0.4, for the measurements that are made on every request. The library's own
// hashes its labels each time, which costs more than the rest of the bookkeeping of a request.

export interface DurationHistogram {
  /** The values of the labels must be few: those of the program and its policy, never what a caller sends. */
  observe(first: string, second: string, status: number, seconds: number): void;
  render(): string;
}

interface Series {
  readonly labels: string;
  /** By bucket, not yet cumulative; the last one is what lies above all bounds. */
  readonly counts: number[];
  sum: number;
}

/** @param labelNames those before `status` */
export function createDurationHistogram(
  name: string,
  help: string,
  bounds: readonly number[],
  labelNames: readonly [first: string, second: string],
): DurationHistogram {
  const all: Series[] = [];
  const byFirst = new Map<string, Map<string, Map<number, Series>>>();

  const seriesOf = (first: string, second: string, status: number): Series => {
    const bySecond = getOrAdd(byFirst, first, () => new Map<string, Map<number, Series>>());
    const byStatus = getOrAdd(bySecond, second, () => new Map<number, Series>());
    return getOrAdd(byStatus, status, () => {
      const labels = `${labelNames[0]}="${first}",${labelNames[1]}="${second}",status="${status}"`;
      const series = { labels, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
      all.push(series);
      return series;
    });
  };

  return {
    observe: (first, second, status, seconds) => {
      const series = seriesOf(first, second, status);
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
