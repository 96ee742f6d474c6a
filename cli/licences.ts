import { readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';

const NAME = 'THIRD-PARTY-LICENSES';

/** The licences of all that is part of the program: of the executable from inside, else from the folder bin. */
export function licencesText(): string {
  if (isSea()) return getAsset(NAME, 'utf8');
  return readFileSync(new URL(`../bin/${NAME}`, import.meta.url), 'utf8');
}
