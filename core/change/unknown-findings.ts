import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import type { PreflightModel } from '../host/index.js';
import { type Snapshot, stackOf } from '../hypervisor/index.js';
import type { PayloadFunction, PayloadInput } from '../payload/index.js';
import type { Plan, Step } from '../stack/index.js';
import { findPayload, functionsInMemory, upload } from '../verify/index.js';
import { inputOf } from './step-input.js';

/**
 * What is not known of a hypervisor and may kill it, or lose a fix in silence: errors that an image, or an
 * `accept`, lets pass. All else that is not known is said and does not stop a change.
 */
export function unknownFindings(
  plan: Plan,
  snapshot: Snapshot,
  payloads: readonly PayloadInput[],
  copy: PreflightModel,
): readonly Finding[] {
  return plan.steps
    .filter(({ action }) => action === 'apply' || action === 'replace')
    .flatMap((step) => {
      const input = inputOf(step, payloads);
      if (input === undefined) return [];
      return [
        ...unknownCode(step, input, copy),
        ...(step.action === 'apply' ? strangersPatch(step, input, snapshot, copy) : []),
      ];
    });
}

/** NOPs over code, and expectations of REPLACE, whose bytes are not known; addresses of which nothing is. */
function unknownCode(
  { action, name }: Step,
  { input, payload, planned }: PayloadInput,
  copy: PreflightModel,
): readonly Finding[] {
  let known: ReturnType<typeof knownCode> | null = null;
  // Few payloads have a function of which it matters, and it takes an upload to know.
  const isKnown = (index: number) => {
    known ??= knownCode(name, input.bytes, copy);
    return known(index);
  };
  const subject = { file: planned.file, payload: nameText(name) };
  return payload.functions.flatMap((func, index) => {
    const symbol = func.name ?? `function ${index}`;
    const found: Finding[] = [];
    if (func.isNop && !isKnown(index)) {
      const message = `${nameText(name)} writes NOPs over ${symbol}, whose code is not known: where they end in the middle of an instruction, the host dies at the next call`;
      found.push(finding('nop-over-unknown-code', { ...subject, symbol, message }));
    }
    if (action === 'replace' && func.expectation?.enabled === true && !isKnown(index)) {
      const message = `${nameText(name)} expects bytes of ${symbol} that are not known: where they differ, REPLACE takes off all that is applied and applies nothing`;
      found.push(finding('replace-expects-unknown-code', { ...subject, symbol, message }));
    }
    if (copy.model === null && isAddress(func)) {
      const message = `${nameText(name)} gives the address of ${symbol} itself, and whether anything is mapped there is not known: where nothing is, the host dies`;
      found.push(finding('old-address-not-known', { ...subject, symbol, message }));
    }
    return found;
  });
}

function isAddress({ oldAddress }: PayloadFunction): boolean {
  return oldAddress.kind === 'value' && oldAddress.value !== 0n;
}

/** Tells by a function's place in the payload whether its old code is known. */
function knownCode(
  name: string,
  bytes: Uint8Array,
  copy: PreflightModel,
): (index: number) => boolean {
  if (copy.model === null) return () => false;
  const { model } = copy;
  const present = findPayload(model, name);
  const loaded = present === null ? upload(model, name, bytes).model : model;
  const payload = present ?? findPayload(loaded, name);
  if (payload === null) return () => true;
  const functions = functionsInMemory(loaded.memory, loaded.rules, payload);
  return (index) => {
    const func = functions[index];
    return func === undefined || loaded.memory.isKnown(func.oldAddress);
  };
}

/**
 * A function that a payload patches which is applied, whose contents are not at hand, and on which this one does
 * not build: the fix of the other would be lost in silence. Debug key x names every function.
 */
function strangersPatch(
  { name, nodeps, guard }: Step,
  { planned }: PayloadInput,
  snapshot: Snapshot,
  copy: PreflightModel,
): readonly Finding[] {
  // By build-ids all that is applied is below it.
  if (nodeps !== true && guard !== 'old-code') return [];
  const opaque = copy.model === null ? null : copy.opaque;
  const own = new Set(planned.functions);
  return stackOf(snapshot)
    .filter((other) => other.name !== name && (opaque === null || opaque.includes(other.name)))
    .flatMap((other) => {
      const shared = (other.functions ?? []).filter((symbol) => own.has(symbol));
      return shared.map((symbol) =>
        finding('patched-by-stranger', {
          file: planned.file,
          payload: nameText(name),
          symbol,
          message: `${nameText(name)} patches ${symbol}, which ${nameText(other.name)} has patched: that fix would be lost, though list shows it as applied`,
        }),
      );
    });
}
