/** What a build could not be done for, e.g. a tool that is missing. Its code is for tests, its hint for people. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly code: BuildErrorCode;
  readonly hint: string | undefined;

  constructor(code: BuildErrorCode, message: string, { hint }: { readonly hint?: string } = {}) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export type BuildErrorCode =
  | 'usage'
  | 'unknown-member'
  | 'no-build-id'
  | 'no-symbols'
  | 'malformed-symbols'
  | 'tool-missing'
  | 'tool-failed';
