// Four worker threads share a list of jobs. Each has a client of its own, and with it a token of its own.

import { Worker } from 'node:worker_threads';
import type { Job, Result } from './jobs.js';

const workerCount = 4;
const currencies = ['EUR', 'GBP', 'PLN', 'USD'];
const jobs: Job[] = currencies.flatMap((source) => currencies.map((target) => ({ source, target })));

/** Gives a new worker one job after the other. Resolves to how many it did when none is left. */
function work(): Promise<number> {
  const worker = new Worker(new URL('./worker.js', import.meta.url));
  let done = 0;
  // Undefined is the end: the worker closes its client.
  const giveNext = (): void => worker.postMessage(jobs.shift());
  worker.on('message', ({ job, rate, problem }: Result) => {
    console.log(`${job.source} to ${job.target}: ${rate ?? problem}`);
    if (problem !== undefined) process.exitCode = 1;
    done += 1;
    giveNext();
  });
  giveNext();
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve(done));
  });
}

const counts = await Promise.all(Array.from({ length: workerCount }, work));
console.log(`${workerCount} workers did ${counts.join(' + ')} jobs`);
