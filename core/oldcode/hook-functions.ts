import { HOOK_KINDS } from '../abi/livepatch.js';
import type { PayloadCode, RunningCode } from './running.js';

/** `preapply hook` and its like, with the address of each function behind them. */
export function hookFunctions(
  { model }: RunningCode,
  { payload }: PayloadCode,
): readonly (readonly [string, bigint])[] {
  return HOOK_KINDS.flatMap((kind) => {
    const hook = payload.hooks[kind];
    const table = hook && model.memory.readOrNull(hook.address, hook.count * 8);
    if (!table) return [];
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    return Array.from(
      { length: hook.count },
      (_, index) => [`${kind} hook`, view.getBigUint64(index * 8, true)] as const,
    );
  });
}
