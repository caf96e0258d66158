/** What a command tells the shell. Scripts rely on these numbers, so they never change their meaning. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  /** The command line or the settings can not be used. */
  usage: 2,
  /** Credentials or a token were refused. */
  refused: 3,
  notFound: 4,
  conflict: 5,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
