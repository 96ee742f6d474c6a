import type { LoadedPayload } from '../hypervisor/index.js';
import type { PlanPayload } from '../payload/index.js';
import { functionsText } from './cumulative.js';

/**
 * What tells that a file is not what was loaded under its build-id, as far as the hypervisor lets it be seen: behind a
 * reason; empty where nothing does.
 */
export function otherContentsText(file: PlanPayload, loaded: LoadedPayload): string {
  if (loaded.depends !== null && file.depends !== null && loaded.depends !== file.depends) {
    return `; but with other contents: it builds on ${loaded.depends}, the file on ${file.depends}`;
  }
  if (loaded.functions === null) return '';
  const own = namesOf(file.functions);
  const theirs = namesOf(loaded.functions);
  if (own.join() === theirs.join() || own.length === 0 || theirs.length === 0) return '';
  return `; but with other contents: it replaces ${functionsText(theirs)}, the file ${functionsText(own)}`;
}

function namesOf(functions: readonly string[]): readonly string[] {
  return [...new Set(functions)].filter((name) => name !== '').sort();
}
