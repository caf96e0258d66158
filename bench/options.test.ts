import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.js';

describe('parseOptions', () => {
  it('keeps windows of at least a second, a hundred ticks of the clock of CPU time, also when quick', () => {
    for (const commandLine of [[], ['--quick']]) {
      expect(parseOptions(commandLine)).toMatchObject({ ok: true });
      const parsed = parseOptions(commandLine);
      expect(parsed.ok && parsed.options.windowSeconds).toBeGreaterThanOrEqual(1);
    }
  });

  it('takes the number of rounds, together with --quick or alone', () => {
    expect(parseOptions(['--rounds', '7'])).toMatchObject({ options: { rounds: 7 } });
    expect(parseOptions(['--quick', '--rounds=3'])).toMatchObject({ options: { rounds: 3, windowSeconds: 1 } });
  });

  it('compares nodes only when asked to', () => {
    expect(parseOptions([])).toMatchObject({ options: { nodes: false } });
    expect(parseOptions(['--nodes', '--quick'])).toMatchObject({ options: { nodes: true, rounds: 5 } });
  });

  it.each([[['--rounds', '0']], [['--rounds', '1.5']], [['--rounds', '']], [['--rounds']], [['--fast']], [['quick']]])(
    'refuses %j',
    (commandLine) => {
      expect(parseOptions(commandLine).ok).toBe(false);
    },
  );
});
