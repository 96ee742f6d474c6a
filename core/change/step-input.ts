import type { PayloadInput } from '../payload/index.js';
import type { Step } from '../stack/index.js';

/** The payload file that a step is about; undefined where its contents are not at hand. */
export function inputOf(
  { file, buildId }: Step,
  payloads: readonly PayloadInput[],
): PayloadInput | undefined {
  return (
    payloads.find(({ planned }) => file !== undefined && planned.file === file) ??
    payloads.find(({ planned }) => buildId !== null && planned.buildId === buildId)
  );
}
