import { expect, test } from 'vitest';
import { decideMaintenance, type MaintenanceWork, maintain } from './maintenance.js';

const hour = 3_600_000;
const mebibyte = 1024 * 1024;
const done = { checkpointAt: 100 * hour, vacuumAt: 100 * hour };

test.each([
  { name: 'nothing before an hour', after: hour - 1, wal: 0, due: { vacuum: false, checkpoint: false } },
  { name: 'a checkpoint after an hour', after: hour, wal: 0, due: { vacuum: false, checkpoint: true } },
  { name: 'no checkpoint at 128 MiB of WAL', after: 0, wal: 128 * mebibyte, due: { vacuum: false, checkpoint: false } },
  {
    name: 'a checkpoint above 128 MiB of WAL',
    after: 0,
    wal: 128 * mebibyte + 1,
    due: { vacuum: false, checkpoint: true },
  },
  { name: 'both after a day', after: 24 * hour, wal: 0, due: { vacuum: true, checkpoint: true } },
])('due: $name', ({ after, wal, due }) => {
  expect(decideMaintenance(done, 100 * hour + after, wal)).toEqual(due);
});

function recordedWork(calls: string[], walBytes = 0): MaintenanceWork {
  return {
    walBytes: async () => walBytes,
    checkpoint: async () => void calls.push('checkpoint'),
    vacuum: async () => void calls.push('vacuum'),
  };
}

test('vacuums before it checkpoints, and then nothing is due', async () => {
  const calls: string[] = [];
  const now = 200 * hour;
  const last = await maintain(done, now, recordedWork(calls));
  expect(calls).toEqual(['vacuum', 'checkpoint']);
  expect(last).toEqual({ checkpointAt: now, vacuumAt: now });
  expect(await maintain(last, now, recordedWork(calls))).toEqual(last);
  expect(calls).toHaveLength(2);
});

test('a failure is passed on', async () => {
  const work: MaintenanceWork = {
    ...recordedWork([], 129 * mebibyte),
    checkpoint: () => Promise.reject(new Error('no space left')),
  };
  await expect(maintain(done, 100 * hour, work)).rejects.toThrow('no space left');
});
