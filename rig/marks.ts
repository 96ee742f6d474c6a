/** Lines on the result port that are the rig's own. */
export const MARK = {
  /** The program in dom0 waits for the next line. */
  ready: '@@ready',
  /** The program in dom0 ended; its exit status follows. */
  end: '@@rig-end',
} as const;
