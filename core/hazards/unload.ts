import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import { type Model, type ModelPayload, PAGE_SIZE } from '../verify/index.js';
import { loadDisassembler, MAX_DECODED_BYTES } from '../x86/index.js';

const POINTER_BYTES = 8;

/**
 * Payloads that use code or data of those that are to be unloaded (names) and stay loaded themselves: Xen keeps no
 * count of who uses whom, and maps nothing there afterwards (free_payload). An error where the one that stays is
 * applied; one that is not can be unloaded too before anything runs.
 */
export function checkUnload(model: Model, names: ReadonlySet<string>): readonly Finding[] {
  const gone = model.payloads.filter(({ name }) => names.has(name));
  const staying = model.payloads.filter(({ name }) => !names.has(name));
  if (gone.length === 0) return [];
  return staying.flatMap((one) => {
    const isApplied = one.state === 'APPLIED';
    const user = nameText(one.name);
    return usedBy(model, one, gone).map(({ name }) =>
      finding('unload-leaves-links', {
        ...(isApplied ? {} : { severity: 'warning' as const }),
        payload: nameText(name),
        message: `${user}, which is ${isApplied ? 'applied' : 'loaded'}, uses code or data of ${nameText(name)}: once that is unloaded, its links lead to memory that is gone`,
      }),
    );
  });
}

/** Those of the others into whose memory an instruction or a pointer of one payload leads. */
function usedBy(
  model: Model,
  one: ModelPayload,
  others: readonly ModelPayload[],
): readonly ModelPayload[] {
  const byPage = new Map<bigint, ModelPayload>();
  for (const other of others) {
    const { base, pages } = other.allocation;
    for (let page = 0n; page < pages; page++) byPage.set(base / PAGE_SIZE + page, other);
  }
  const used = new Set<ModelPayload>();
  for (const address of addressesIn(model, one)) {
    const other = byPage.get(address / PAGE_SIZE);
    if (other !== undefined) used.add(other);
  }
  return others.filter((other) => used.has(other));
}

/** All that may be an address: pointers in data, and what instructions refer to. */
function* addressesIn({ memory }: Model, { text, rw, ro }: ModelPayload): Generator<bigint> {
  for (const { address, sizeBytes } of [rw, ro]) {
    const bytes = memory.readOrNull(address, Number(sizeBytes));
    if (bytes === null) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
      yield view.getBigUint64(at, true);
    }
  }
  const code = memory.readOrNull(text.address, Number(text.sizeBytes));
  if (code === null || code.length === 0 || code.length > MAX_DECODED_BYTES) return;
  for (const instruction of loadDisassembler().decodeFunction(code, text.address)) {
    const { target, ripTarget, immediate64 } = instruction;
    if (target !== null) yield target;
    if (ripTarget !== null) yield ripTarget;
    if (immediate64 !== null) yield immediate64;
  }
}
