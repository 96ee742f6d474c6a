import { VETOING_HOOKS } from '../abi/livepatch.js';
import type { Finding } from '../findings/index.js';
import { PAGE_SIZE } from '../verify/index.js';
import { hazard, type Subject } from './subject.js';

/** What will trouble the payload later: once its file's buffer is freed, after a revert, at a REPLACE. */
export function checkLifetime(subject: Subject): readonly Finding[] {
  return [...checkFreed(subject), ...checkData(subject), ...checkHooks(subject)];
}

/**
 * Since 4.20 (4.18.4, 4.19.1) a section that is not allocated keeps its address in the uploaded file,
 * which is freed when the upload is done: what Xen holds of it then leads to memory that is gone.
 */
function checkFreed(subject: Subject): readonly Finding[] {
  const { payload } = subject;
  const { base, pages } = payload.allocation;
  const isOwn = (address: bigint) => address >= base && address < base + pages * PAGE_SIZE;
  const kept: (readonly [string, bigint | undefined, string])[] = [
    ['.note.gnu.build-id', payload.buildId.address, 'the next upload or the next payload on it'],
    ['.livepatch.depends', payload.depends.address, 'APPLY'],
    ['.livepatch.funcs', payload.funcs.count > 0 ? payload.funcs.address : undefined, 'APPLY'],
    ['.modinfo', payload.metadata?.address, 'APPLY; LIST fails with EFAULT'],
    ...Object.entries(payload.hooks).map(
      ([kind, hook]) => [`.livepatch.hooks.${kind}`, hook.address, 'any action'] as const,
    ),
  ];
  return kept.flatMap(([section, address, when]) =>
    address === undefined || address === 0n || isOwn(address)
      ? []
      : [
          hazard(
            subject,
            'kept-in-freed-memory',
            `has ${section} without SHF_ALLOC: Xen goes on using it in memory that it has freed, which kills the host at ${when}`,
            { section },
          ),
        ],
  );
}

/** livepatch_action, APPLY: `reverted && !safe_to_reapply`. All releases. */
function checkData(subject: Subject): readonly Finding[] {
  if (subject.payload.safeToReapply) return [];
  return [
    hazard(
      subject,
      'data-prevents-reapply',
      'has writable data of its own: once reverted, Xen applies it again only after an unload and a new upload',
    ),
  ];
}

/** has_payload_any_vetoing_hooks. Since 4.14. */
function checkHooks(subject: Subject): readonly Finding[] {
  const { model, payload } = subject;
  const kinds = VETOING_HOOKS.filter((kind) => {
    const address = payload.hooks[kind]?.address;
    if (address === undefined || !model.memory.isMapped(address)) return false;
    return model.memory.u64(address) !== 0n;
  });
  if (kinds.length === 0) return [];
  return [
    hazard(
      subject,
      'hooks-prevent-replace',
      `has a ${kinds.join(' and a ')} hook: as long as it is applied, no REPLACE is possible`,
    ),
  ];
}
