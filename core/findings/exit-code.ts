/** Process exit codes, fixed by the CLI contract. */
export const EXIT = { done: 0, failed: 1, busy: 2, rejected: 3, differs: 4, usage: 64 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
