import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import { findPayload, type Model, type ModelPayload, PAGE_SIZE } from '../verify/index.js';
import { loadDisassembler, MAX_DECODED_BYTES } from '../x86/index.js';

const POINTER_BYTES = 8;

/**
 * Payloads that use code or data of one that is to be unloaded: Xen keeps no count of who uses whom, and maps
 * nothing there afterwards (free_payload). `staying` are the names of those that are loaded then.
 */
export function checkUnload(
  model: Model,
  name: string,
  staying: ReadonlySet<string>,
): readonly Finding[] {
  const gone = findPayload(model, name);
  if (gone === null) return [];
  return model.payloads.flatMap((other) => {
    if (other === gone || !staying.has(other.name) || !leadsTo(model, other, gone)) return [];
    const when = other.state === 'APPLIED' ? 'is applied' : 'is loaded';
    return [
      finding('unload-leaves-links', {
        payload: nameText(name),
        message: `${nameText(other.name)}, which ${when}, uses code or data of ${nameText(name)}: once that is unloaded, its links lead to memory that is gone`,
      }),
    ];
  });
}

/** True where an instruction or a pointer of one payload leads into the memory of another. */
function leadsTo({ memory }: Model, from: ModelPayload, to: ModelPayload): boolean {
  const { base, pages } = to.allocation;
  const end = base + pages * PAGE_SIZE;
  const isThere = (address: bigint | null) => address !== null && address >= base && address < end;
  for (const { address, sizeBytes } of [from.rw, from.ro]) {
    const bytes = memory.readOrNull(address, Number(sizeBytes));
    if (bytes === null) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
      if (isThere(view.getBigUint64(at, true))) return true;
    }
  }
  const code = memory.readOrNull(from.text.address, Number(from.text.sizeBytes));
  if (code === null || code.length === 0 || code.length > MAX_DECODED_BYTES) return false;
  return loadDisassembler()
    .decodeFunction(code, from.text.address)
    .some(
      ({ target, ripTarget, immediate64 }) =>
        isThere(target) || isThere(ripTarget) || isThere(immediate64),
    );
}
