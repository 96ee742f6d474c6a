/** A broken promise of this program's own: never the fault of an input. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Makes the compiler prove that a switch is exhaustive. */
export function assertNever(value: never): never {
  throw new InternalError(`unexpected value ${JSON.stringify(value)}`);
}
