import type { Finding } from '../findings/index.js';

/** Ours: a payload made for another build has tens. More of one kind push the others out of sight. */
const MAX_FINDINGS_OF_A_CODE = 100;

/** The first findings of each code; the last one that is kept says how many more there are. */
export function bounded(findings: readonly Finding[]): readonly Finding[] {
  const counts = new Map<string, number>();
  for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1);
  const seen = new Map<string, number>();
  return findings.flatMap((finding) => {
    const { code, message } = finding;
    const place = (seen.get(code) ?? 0) + 1;
    seen.set(code, place);
    const more = (counts.get(code) ?? 0) - MAX_FINDINGS_OF_A_CODE;
    if (more <= 0 || place < MAX_FINDINGS_OF_A_CODE) return [finding];
    if (place > MAX_FINDINGS_OF_A_CODE) return [];
    return [{ ...finding, message: `${message} (and ${more} more of this kind)` }];
  });
}
