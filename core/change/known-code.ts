import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import type { PreflightModel } from '../host/index.js';
import { isOrderKnown, type Snapshot, stackOf } from '../hypervisor/index.js';
import { type CodeContext, codeContext, patchesByAddress, runningCode } from '../oldcode/index.js';

/**
 * What guards are asked about on this hypervisor: its image's code and what is loaded. The disassembler
 * is loaded here. Fails with `host-no-model` where the hypervisor cannot be modelled, `host-no-image`, and
 * `image-no-symbols`.
 */
export async function codeContextOf(copy: PreflightModel): Promise<CodeContext> {
  if (copy.model === null) {
    throw new XspliceError('host-no-model', `Old code cannot be compared: ${copy.why}`);
  }
  return codeContext(await copy.image(), copy.model);
}

/**
 * Fails where it is not known which code runs: with `opaque-payload` where a payload is applied whose
 * contents are not at hand, with `unknown-stack` where two replaced the same and it is not known
 * which one did so last.
 */
export function requireKnownCode(
  { base, model }: CodeContext,
  copy: PreflightModel,
  snapshot: Snapshot,
): void {
  const applied = new Set(stackOf(snapshot).map(({ name }) => name));
  const opaque = copy.model === null ? [] : copy.opaque.filter((name) => applied.has(name));
  if (opaque.length > 0) {
    const names = opaque.map(nameText).join(', ');
    throw new XspliceError(
      'opaque-payload',
      `Old code cannot be compared: ${names} is applied, and its contents are not known`,
    );
  }
  if (isOrderKnown(snapshot)) return;
  for (const [first, second] of patchesByAddress(runningCode(base, model)).values()) {
    if (first === undefined || second === undefined) continue;
    throw new XspliceError(
      'unknown-stack',
      `Old code cannot be compared: ${nameText(first.payload)} and ${nameText(second.payload)} both replaced ${nameText(first.name)}, and which one did so last is not known`,
      { hint: 'Revert one of them with the tool that applied it.' },
    );
  }
}
