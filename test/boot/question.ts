/** What the agent in dom0 is asked. */
export type Question =
  | { readonly words: readonly string[] }
  | { readonly cycles: number; readonly payload: string };

/** Before the number of steps that a run of the program has begun. */
export const INTENT = 'intent ';

/** How a run of the program ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
