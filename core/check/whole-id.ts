import type { BuildId } from '../abi/ids.js';
import { typedBuildId } from '../abi/typed-id.js';
import { XspliceError } from '../findings/index.js';
import { type InputFile, idOrNull, readInputs, readPayload } from '../payload/index.js';

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

/**
 * The hypervisors that payloads were built for: what they say, or else (up to 4.13 they do not) what they build on
 * that is none of them.
 */
export function basesOf(inputs: readonly InputFile[]): readonly (BuildId | null)[] {
  const members = readInputs(inputs).payloads.map(({ planned }) => planned);
  const said = members.map(({ xenDepends }) => xenDepends);
  if (said.some((id) => id !== null)) return said;
  const own = new Set(members.map(({ buildId }) => buildId));
  return members.map(({ depends }) => (own.has(depends) ? null : depends));
}
