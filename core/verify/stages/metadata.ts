import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import { contentsAddress, doing, loadingSectionByName, refuse, type Stage } from '../loading.js';
import { wrap32, wrap64 } from '../memory.js';

/**
 * `.modinfo` in prepare_payload: its last byte must be a NUL. The length is a uint32_t, so that an
 * empty section is read 4 GiB behind its start, which kills the host. Since 4.14.
 */
export const metadata: Stage = (loading) => {
  const section = loadingSectionByName(loading, SECTION.modinfo);
  if (!section) return 0;
  const address = contentsAddress(loading, section);
  const sizeBytes = wrap32(section.header.size);
  const last = doing(loading, { reason: 'metadata-empty', section: SECTION.modinfo }, () =>
    loading.memory.u8(wrap64(address + wrap32(sizeBytes - 1n))),
  );
  if (last !== 0) {
    return refuse(loading, XEN_ERRNO.EINVAL, ': Incorrect metadata format detected', {
      reason: 'metadata-unterminated',
      section: SECTION.modinfo,
      expected: 'a NUL at its end',
    });
  }
  loading.draft.metadata = { address, sizeBytes };
  return 0;
};
