/** The program in dom0 prints this when it waits for the next line. */
export const READY = '@@ready';
