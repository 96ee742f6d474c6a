import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Snapshot } from '../../core/hypervisor/index.js';
import { repositoryRoot } from './repository.js';

/** A state directory as a release of this program wrote it, and what that release saw in it. */
export interface GoldenState {
  /** Contents by path, in base64. */
  readonly files: Readonly<Record<string, string>>;
  readonly snapshot: Snapshot;
}

/** The state of a format version, from test/formats/golden. */
export function goldenState(formatVersion: number): GoldenState {
  const name = `hypervisor-${formatVersion}.json.gz`;
  const packed = readFileSync(join(repositoryRoot(), 'test', 'formats', 'golden', name));
  return JSON.parse(gunzipSync(packed).toString('utf8'));
}

/** Writes its files below a directory, which only this user may enter, as the program makes it. */
export async function unpackState({ files }: GoldenState, directory: string): Promise<void> {
  for (const [path, contents] of Object.entries(files)) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, Buffer.from(contents, 'base64'), { mode: 0o600 });
  }
}

/** What a state file of the format of now says, its digest apart. */
export function readStateFile(directory: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(directory, 'hypervisor.json'), 'utf8')).state;
}

/** Changes a state as somebody who knows its format does: the digest is right. */
export function editStateFile(
  directory: string,
  change: (state: Record<string, unknown>) => unknown,
): void {
  const path = join(directory, 'hypervisor.json');
  const file = JSON.parse(readFileSync(path, 'utf8'));
  const state = change(file.state);
  const sha256 = createHash('sha256').update(JSON.stringify(state)).digest('hex');
  writeFileSync(path, JSON.stringify({ ...file, sha256, state }));
}
