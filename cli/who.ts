import { readFileSync } from 'node:fs';
import type { Who } from '../core/store/index.js';
import type { Streams } from './terminal/streams.js';

/** What Linux says where nobody logged in: -1 in 32 bits. */
const NOBODY = 4_294_967_295;

/** Who runs this, as far as the machine tells. */
export function whoRunsThis({ env }: Pick<Streams, 'env'>, proc = '/proc'): Who {
  const loginUid = numberIn(`${proc}/self/loginuid`);
  return {
    uid: process.geteuid?.() ?? -1,
    loginUid: loginUid === NOBODY ? null : loginUid,
    sudoUser: env['SUDO_USER'] || null,
  };
}

/** Null where it cannot be read, or is none. */
function numberIn(path: string): number | null {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}

/** The verb as the journal has it; of the process that waits for a confirmation, what it does. */
export function verbTyped({ command }: { readonly command: string }): string {
  return command.replace(/^__/, '');
}
