/** What --check takes. In this file: values that the parser needs, which must not load the commands. */
export const CHECKS = ['build-id', 'old-code', 'both'] as const;

export type Check = (typeof CHECKS)[number];

/** What --fail-on takes, the least severe last. */
export const FAIL_ON = ['error', 'warning', 'note'] as const;

export type FailOn = (typeof FAIL_ON)[number];

/** What a set of payloads is: applied on one another, each used alone, or in any order. */
export const MODES = ['chain', 'alternatives', 'independent'] as const;

export type Mode = (typeof MODES)[number];
