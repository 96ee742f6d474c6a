import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InternalError } from '../../core/findings/index.js';

/** Far more folders than there can be between compiled code and the project's root. */
const MAX_DEPTH = 16;

/** The folder with the payloads' C sources, found above the compiled code wherever that was put. */
export function payloadSources(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const sources = join(folder, 'payloads');
    if (existsSync(join(sources, 'hello.c'))) return sources;
    folder = dirname(folder);
  }
  throw new InternalError('the C sources of the payloads are not above the compiled code');
}
