// A disk that can lose its power: ext4 in a file, mounted over a loop device. The cut is the file system's own (ioctl
// EXT4_IOC_SHUTDOWN with NOLOGFLUSH): from that moment nothing more gets to the disk, what was not written is gone, and
// everybody who still writes gets an error.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = '512M';

/** Node has no ioctl. */
const SHUT_DOWN = [
  'import fcntl, os, struct, sys',
  'directory = os.open(sys.argv[1], os.O_RDONLY)',
  'fcntl.ioctl(directory, 0x8004587D, struct.pack("I", 2))',
].join('\n');

/** e2fsck: 1 says that it replayed the journal or repaired something. */
const REPAIRED = [0, 1];

export class LoopDisk {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #image: string;

  /** Makes an empty disk and mounts it. @throws when this machine does not allow it, with what it said */
  constructor(workDirectory: string) {
    this.#image = join(workDirectory, 'disk.img');
    this.directory = join(workDirectory, 'disk');
    mkdirSync(this.directory);
    run('truncate', ['--size', SIZE, this.#image]);
    run('mkfs.ext4', ['-q', '-F', this.#image]);
    this.mount();
  }

  mount(): void {
    run('mount', ['-o', 'loop', this.#image, this.directory]);
  }

  /** Resolves when it is cut, a moment later: whoever writes goes on until then. */
  async cutPower(): Promise<void> {
    const child = spawn('python3', ['-c', SHUT_DOWN, this.directory], { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error('the power could not be cut');
  }

  /** As after the power is back. Nobody may have a file open on it. */
  repairAndMount(): void {
    run('umount', [this.directory]);
    run('e2fsck', ['-p', this.#image], REPAIRED);
    this.mount();
  }

  /** Also after a failure, so it does not throw. */
  discard(): void {
    spawnSync('umount', [this.directory]);
  }
}

function run(program: string, words: readonly string[], expected: readonly number[] = [0]): void {
  const { status, error, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (error !== undefined || status === null || !expected.includes(status)) {
    throw new Error(`${program} failed: ${error?.message ?? stderr.trim()}`);
  }
}
