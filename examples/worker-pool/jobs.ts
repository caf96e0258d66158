/** What a worker is asked for. */
export interface Job {
  readonly source: string;
  readonly target: string;
}

/** What it found, or why not. */
export interface Result {
  readonly job: Job;
  readonly rate?: number;
  readonly problem?: string;
}
