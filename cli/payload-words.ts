import { exists, payloadTree, readEveryPayloadFile } from '../core/inputs/index.js';
import { type InputFile, type PayloadInput, readPayloadInputs } from '../core/payload/index.js';
import type { MeantHost } from './meant-host.js';

/** Where the payloads lie that words stand for. */
export type PayloadSource = Pick<MeantHost, 'buildId' | 'store'>;

/**
 * The payloads that words stand for. A path is a file, a folder, or a tree by build-ids, of which those for the host
 * are meant; what is no path is a payload of the host's store. Fails as those who read them do.
 */
export async function readPayloadWords(
  words: readonly string[],
  source: PayloadSource,
): Promise<readonly PayloadInput[]> {
  const inputs = new Map<string, InputFile>();
  for (const word of words) {
    const stored = isName(word) ? await storedPayloads([word], source) : null;
    const found = stored ?? readEveryPayloadFile(await pathsOf(word, source));
    for (const input of found) inputs.set(input.file, input);
  }
  return readPayloadInputs([...inputs.values()]);
}

/** The same of the store alone; null where it lacks one of them. */
export async function storedPayloads(
  names: readonly string[],
  source: PayloadSource,
): Promise<readonly InputFile[] | null> {
  const store = await source.store();
  const found = await Promise.all(names.map((name) => store.find(name)));
  const all = found.flatMap((payload) => payload ?? []);
  return all.length < names.length ? null : Promise.all(all.map((payload) => store.read(payload)));
}

/** A word that is no path names a payload. Paths win; `./x` is always one. */
export function isName(word: string): boolean {
  return !word.includes('/') && !word.endsWith('.livepatch') && !exists(word);
}

async function pathsOf(word: string, source: PayloadSource): Promise<readonly string[]> {
  return (await payloadTree(word, () => source.buildId())) ?? [word];
}
