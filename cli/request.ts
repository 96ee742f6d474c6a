import type { ChangeRequest } from '../core/change/index.js';
import { XspliceError } from '../core/findings/index.js';
import { type PayloadInput, readPayloadInputs } from '../core/payload/index.js';
import { selectLoaded } from '../core/stack/index.js';
import type { MeantHost } from './meant-host.js';
import type { ChangeVerb } from './options/commands.js';
import { isName, readPayloadWords, storedPayloads } from './payload-words.js';
import type { Settings } from './settings.js';
import { usage } from './usage.js';

/** Reads the payloads that a verb takes, and says what is wanted. */
export async function requestOf(
  verb: ChangeVerb,
  words: readonly string[],
  { check, nodeps, to, mode }: Settings,
  host: MeantHost,
): Promise<ChangeRequest> {
  const readAll = (given: readonly string[]) => readPayloadWords(given, host);
  if (check !== 'build-id' && nodeps) {
    throw usage('--nodeps compares nothing, and --check says what to compare', 'Use one of them.');
  }
  if (mode === 'alternatives' && nodeps) {
    throw usage(
      '--mode alternatives uses REPLACE, which always compares the parent',
      'Leave --nodeps out.',
    );
  }
  if (verb !== 'revert' && words.length === 0) throw usage(`${verb} needs something to work on`);
  switch (verb) {
    case 'revert': {
      const [name, ...files] = words;
      if (name === undefined) {
        if (check === 'build-id') return { verb, to };
        throw usage(
          `revert takes --check ${check} with the NAME of one payload only: without it, nothing is compared`,
        );
      }
      if (check === 'build-id' && to === null && files.length === 0) {
        return { verb, to, top: name };
      }
      if (check === 'build-id' || to !== null) {
        throw usage(
          `revert takes ${JSON.stringify(name)} alone, as the name of the top, or with --check old-code and the files of what is applied`,
        );
      }
      return { verb: 'revert-one', name, payloads: await readAll(files), check };
    }
    case 'unload':
      return { verb, names: words };
    case 'apply': {
      const set = mode === 'alternatives' ? mode : 'chain';
      const stored = words.every(isName) ? await storedNotLoaded(words, check, host) : null;
      const payloads = stored ?? (words.every(isName) ? null : await readAll(words));
      if (payloads !== null) return { verb, payloads, check, nodeps, mode: set };
      if (set === 'alternatives') throw usage('--mode alternatives takes files', 'Give the file.');
      if (check === 'build-id') return { verb: 'apply-loaded', names: words, nodeps };
      throw new XspliceError(
        'needs-file',
        words.length === 1
          ? `What ${words[0]} was made against is told by its file only`
          : `What ${words.join(', ')} were made against is told by their files only`,
      );
    }
    case 'upload':
      return { verb, payloads: await readAll(words) };
    case 'replace':
      return { verb, payload: onlyOne(verb, await readAll(words)), check };
    case 'load':
      return { verb, payload: onlyOne(verb, await readAll(words)), check, nodeps };
  }
}

/**
 * Payloads of the store that names stand for; null where they mean what is loaded. What is loaded is applied as it is,
 * unless its file has to tell what it was made against.
 */
async function storedNotLoaded(
  names: readonly string[],
  check: Settings['check'],
  host: MeantHost,
): Promise<readonly PayloadInput[] | null> {
  const stored = await storedPayloads(names, host);
  if (stored === null) return null;
  const snapshot = await (await host.open()).port.observe();
  const isLoaded = names.every((name) => {
    try {
      return selectLoaded(snapshot, name) !== null;
    } catch (error) {
      if (error instanceof XspliceError) return false;
      throw error;
    }
  });
  return isLoaded && check === 'build-id' ? null : readPayloadInputs(stored);
}

function onlyOne(verb: ChangeVerb, payloads: readonly PayloadInput[]): PayloadInput {
  const [only, ...others] = payloads;
  if (only !== undefined && others.length === 0) return only;
  throw usage(`${verb} takes one payload; ${payloads.length} were given`);
}
