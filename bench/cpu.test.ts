import { describe, expect, it } from 'vitest';
import { parseCpuTicks } from './cpu.js';

describe('parseCpuTicks', () => {
  it('adds user and system time, fields 14 and 15 of proc(5)', () => {
    expect(parseCpuTicks('4242 (node) S 1 4242 4242 0 -1 4194560 900 0 0 0 1500 250 7 9 20 0 11 0 8123 0 0\n')).toBe(
      1750,
    );
  });

  it('is not misled by spaces and parentheses in the program name', () => {
    expect(parseCpuTicks('7 (a) R 9 9 (b) S 1 7 7 0 -1 0 0 0 0 0 3 4 0 0 20 0 1 0 5 0 0\n')).toBe(7);
  });

  it('refuses a line of another form', () => {
    expect(() => parseCpuTicks('7 (node) S 1')).toThrow();
  });
});
