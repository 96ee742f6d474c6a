import { explained, type Finding } from '../core/findings/index.js';
import type { Settings } from './settings.js';

/** The findings, under --explain each with what the catalogue says of it. */
export function withExplanations(
  { explain }: Pick<Settings, 'explain'>,
  findings: readonly Finding[],
): readonly Finding[] {
  return explain ? explained(findings) : findings;
}
