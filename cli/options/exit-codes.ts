/** What the exit codes of the program mean, by the numbers as they are shown. */
export const EXIT_MEANINGS = {
  '0': 'done, or nothing to do',
  '1': 'failed or refused; what was done is taken back, or the output says what is true',
  '2': 'busy: try again',
  '3': 'check, rehearse or lockstep rejected something',
  '4': 'diff: they differ; plan --exit-code: something would change; status: not as saved; restore: something is left out',
  '64': 'wrong usage: nothing was tried',
  '129, 130, 143': 'stopped by SIGHUP, SIGINT, SIGTERM, and all that was done is taken back',
} as const;

export type ExitName = keyof typeof EXIT_MEANINGS;
