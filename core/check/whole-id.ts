import type { BuildId } from '../abi/ids.js';
import { typedBuildId } from '../abi/typed-id.js';
import { XspliceError } from '../findings/index.js';
import { type InputFile, idOrNull, readPayload } from '../payload/index.js';

/**
 * The hypervisor's id that was typed; of its beginning, the one of those that payloads name, which are asked for where
 * they are needed. Fails as typedBuildId does.
 */
export function wholeBuildId(text: string, named: () => readonly (BuildId | null)[]): BuildId {
  return typedBuildId(text, () => named().flatMap((id) => id ?? []));
}

/** The hypervisor that a payload says it was built for; null where it does not say, or cannot be read. */
export function xenDependsOf({ bytes, file }: InputFile): BuildId | null {
  try {
    return idOrNull(readPayload(bytes, file).xenDepends);
  } catch (error) {
    if (error instanceof XspliceError) return null;
    throw error;
  }
}
