/** What --check takes. A file of its own: the parser needs it, and must not load the commands. */
export const CHECKS = ['build-id', 'old-code', 'both'] as const;

export type Check = (typeof CHECKS)[number];
