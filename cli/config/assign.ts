import { type Finding, finding } from '../../core/findings/index.js';

/** A target with the payloads that its configuration means. */
export interface Claim {
  readonly name: string;
  /** Or its beginning. Asked only where it decides something. Null where it is not known. */
  readonly buildId: () => string | null;
  readonly files: readonly string[];
}

/** Payloads by the name of their target, and findings on those that belong to none. */
export interface Assignment {
  readonly filesOf: ReadonlyMap<string, readonly string[]>;
  readonly findings: readonly Finding[];
}

/**
 * Whose a payload is that several targets mean: of the one that it was built for. `builtFor` is the id of the
 * hypervisor that a file names, null where it does not say, which leaves it with all that mean it.
 */
export function assignPayloads(
  claims: readonly Claim[],
  builtFor: (file: string) => string | null,
): Assignment {
  const claimed = new Map<string, Claim[]>();
  for (const claim of claims) {
    for (const file of claim.files) claimed.set(file, [...(claimed.get(file) ?? []), claim]);
  }
  const filesOf = new Map(claims.map(({ name }): [string, string[]] => [name, []]));
  const findings: Finding[] = [];
  for (const [file, by] of claimed) {
    const id = by.length > 1 ? builtFor(file) : null;
    const owners = id === null ? by : by.filter((claim) => id.startsWith(claim.buildId() ?? ''));
    for (const { name } of owners) filesOf.get(name)?.push(file);
    if (owners.length > 0) continue;
    const names = by.map(({ name }) => name).join(', ');
    findings.push(
      finding('no-target', {
        file,
        message: `${file} was built for the hypervisor ${id}, which is none of ${names}`,
        actual: id ?? '',
      }),
    );
  }
  return { filesOf, findings };
}
