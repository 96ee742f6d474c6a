import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import {
  checkWholeEntries,
  contentsAddress,
  doing,
  loadingSectionByName,
  refuse,
  type Stage,
} from '../loading.js';
import { formatAddress, wrap64 } from '../memory.js';

const ALT_CALL_BYTES = 4;
/** `call *disp32(%rip)`. */
const CALL_SITE_BYTES = 6n;

/** `.alt_call_sites` in prepare_payload and apply_alt_calls. Since 4.21. */
export const altCallSites: Stage = (loading) => {
  const { memory, draft } = loading;
  const section = loadingSectionByName(loading, SECTION.altCallSites);
  if (!section) return 0;
  const fault = checkWholeEntries(loading, section, ALT_CALL_BYTES);
  if (fault) return fault;
  const { size } = section.header;
  if (size === 0n) return 0;
  const { address, sizeBytes } = draft.text;
  if (sizeBytes === 0n) {
    return refuse(loading, XEN_ERRNO.EINVAL, ' Alternative calls provided, but no .text', {
      reason: 'alternatives-without-text',
      section: SECTION.altCallSites,
    });
  }

  const start = contentsAddress(loading, section);
  // A pointer loop: an end that wraps below the start is no entry at all. Unmapped entries end it.
  const end = wrap64(start + size);
  const sites: bigint[] = [];
  for (let at = start; at < end; at += BigInt(ALT_CALL_BYTES)) {
    const site = wrap64(at + BigInt(memory.i32(at)));
    sites.push(site);
    const outside =
      site < address ||
      CALL_SITE_BYTES > sizeBytes ||
      wrap64(site + CALL_SITE_BYTES) > address + sizeBytes;
    if (outside) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Alternative call ${formatAddress(site)}+0x6 outside payload text ${formatAddress(address)}+0x${sizeBytes.toString(16)}`,
        { reason: 'call-outside-text', section: SECTION.altCallSites, offset: at - start },
      );
    }
  }
  for (const site of sites) {
    if (memory.u16(site) !== 0x15ff) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        `: Applying alternative calls failed: -${XEN_ERRNO.EINVAL}`,
        { reason: 'call-not-a-call', section: SECTION.altCallSites },
      );
    }
    const nowhere = { reason: 'call-pointer-nowhere', section: SECTION.altCallSites } as const;
    const destination = doing(loading, nowhere, () =>
      memory.u64(wrap64(site + 6n + BigInt(memory.i32(wrap64(site + 2n))))),
    );
    // CONFIG_XEN_IBT, on wherever the compiler can: does the destination begin with ENDBR64?
    if (destination !== 0n) doing(loading, nowhere, () => memory.u32(destination));
    memory.write(site, directCall(site, destination));
  }
  return 0;
};

/** `cs call disp32`, or three `ud2` for a pointer that is still NULL. */
function directCall(site: bigint, destination: bigint): Uint8Array {
  if (destination === 0n) return Uint8Array.of(0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b);
  const code = Uint8Array.of(0x2e, 0xe8, 0, 0, 0, 0);
  const distance = Number(BigInt.asIntN(32, destination - (site + CALL_SITE_BYTES)));
  new DataView(code.buffer).setInt32(2, distance, true);
  return code;
}
