import { spawnSync } from 'node:child_process';
import { XspliceError } from '../../core/findings/index.js';

/** Ours: paths of a change. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * What changed between a revision and what lies in the folder now, committed or not: paths relative to the
 * folder, those that are gone and those that git does not know yet included. Compared is where the branch left
 * the revision (the merge base), so that what happened there meanwhile is no change of ours.
 *
 * Fails with `unknown-revision` where git cannot say: no repository, a shallow clone, a word that is no revision.
 */
export function changedSince(folder: string, revision: string): readonly string[] {
  const commit = git(folder, revision, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${revision}^{commit}`,
  ]).trim();
  const base = git(folder, revision, ['merge-base', commit, 'HEAD']).trim();
  const changed = git(folder, revision, [
    'diff',
    '--name-only',
    '--no-renames',
    '--relative',
    '-z',
    base,
    '--',
    '.',
  ]);
  const unknown = git(folder, revision, ['ls-files', '--others', '--exclude-standard', '-z']);
  return [...changed.split('\0'), ...unknown.split('\0')].filter((path) => path !== '');
}

function git(folder: string, revision: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('git', words, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error === undefined && status === 0) return stdout;
  const reason = error?.message ?? stderr.trim().split('\n')[0] ?? '';
  const why = reason === '' ? `git ${words[0]} ends with ${status}` : reason;
  throw new XspliceError('unknown-revision', `What changed since ${revision} is not known: ${why}`);
}
