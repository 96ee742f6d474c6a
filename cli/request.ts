import type { ChangeRequest } from '../core/change/index.js';
import { XspliceError } from '../core/findings/index.js';
import { exists, readEveryPayloadFile } from '../core/inputs/index.js';
import { type PayloadInput, readPayloadInputs } from '../core/payload/index.js';
import type { ChangeVerb } from './options/commands.js';
import type { Settings } from './settings.js';
import { usage } from './usage.js';

/** Reads the files that a verb takes, and says what is wanted. */
export function requestOf(
  verb: ChangeVerb,
  words: readonly string[],
  { check, nodeps, to, mode }: Settings,
): ChangeRequest {
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
      if (check === 'build-id' || to !== null) {
        throw usage(
          `revert takes no ${JSON.stringify(name)}: it reverts the top`,
          'Say what is to be on top with --to NAME, --to BUILD-ID or --to base; with --check old-code one payload below it can be taken out.',
        );
      }
      return { verb: 'revert-one', name, payloads: readAll(files), check };
    }
    case 'unload':
      return { verb, names: words };
    case 'apply': {
      const set = mode === 'alternatives' ? mode : 'chain';
      if (!words.every(isName)) return { verb, payloads: readAll(words), check, nodeps, mode: set };
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
      return { verb, payloads: readAll(words) };
    case 'replace':
      return { verb, payload: onlyOne(verb, readAll(words)), check };
    case 'load':
      return { verb, payload: onlyOne(verb, readAll(words)), check, nodeps };
  }
}

function readAll(words: readonly string[]): readonly PayloadInput[] {
  return readPayloadInputs(readEveryPayloadFile(words));
}

function onlyOne(verb: ChangeVerb, payloads: readonly PayloadInput[]): PayloadInput {
  const [only, ...others] = payloads;
  if (only !== undefined && others.length === 0) return only;
  throw usage(`${verb} takes one payload; ${payloads.length} were given`);
}

/** A word that is no path names a payload that was uploaded. Paths win; `./x` is always one. */
function isName(word: string): boolean {
  return !word.includes('/') && !word.endsWith('.livepatch') && !exists(word);
}
