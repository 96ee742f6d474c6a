import { hookSection } from '../../../core/abi/livepatch.js';
import { STB, STT } from '../../../core/elf/index.js';
import type { HazardCode } from '../../../core/findings/index.js';
import { branchesInto } from '../../../core/x86/index.js';
import {
  applied,
  apply,
  codeOf,
  EXPORT,
  find,
  functionOf,
  functionsOf,
  isStartOfNop,
  type Kitchen,
  life,
  MOST_NOP_BYTES,
  made,
  offsetIn,
  REBOOT_MACHINE,
  type Recipe,
  replace,
  revert,
  SHOW_HANDLERS,
  TOGGLE_ALT_KEY,
  TRAMPOLINE_BYTES,
  unload,
  upload,
  uploaded,
} from './kitchen.js';

/**
 * A way to show each hazard on a hypervisor, or why there is none on this one. The payloads that are made
 * here consist of RET instructions.
 */
export const RECIPES: Readonly<Record<HazardCode, (kitchen: Kitchen) => Recipe | string>> = {
  'nop-splits-instruction': (kitchen) => {
    const cut = codeOf(kitchen, SHOW_HANDLERS).find(
      (instruction) => instruction.length > 1 && offsetIn(kitchen, instruction) > 0,
    );
    if (cut === undefined) return 'it has no long instruction';
    const newSize = offsetIn(kitchen, cut) + 1;
    return applied(kitchen, { newAddress: null, newSize });
  },
  'nop-falls-through': (kitchen) => {
    const name = REBOOT_MACHINE;
    const size = Number(find(kitchen, name).size);
    return applied(kitchen, { name, newAddress: null, newSize: size });
  },
  'trampoline-splits-instruction': (kitchen) => {
    const found = [...functionsOf(kitchen)].find(({ symbol, code }) => {
      const end = symbol.address + BigInt(TRAMPOLINE_BYTES);
      const isCut = code.some(
        ({ address, length }) => address < end && address + BigInt(length) > end,
      );
      return isCut && code.some(({ flow, address }) => flow === 'indirect-jump' && address >= end);
    });
    if (found === undefined) return 'no function has an indirect jump: it is built with thunks';
    return uploaded(kitchen, { name: found.symbol.name });
  },
  'jump-into-patch': (kitchen) => {
    for (const { symbol, code } of functionsOf(kitchen)) {
      const { name, address } = symbol;
      for (const { address: end } of code) {
        const newSize = Number(end - address);
        if (newSize > MOST_NOP_BYTES) break;
        const into = branchesInto(code, address, end).filter(
          (branch) => branch.address >= end && !isStartOfNop(address, end, branch.target ?? end),
        );
        if (into.length > 0) {
          return uploaded(kitchen, { name, newAddress: null, newSize });
        }
      }
    }
    return 'no function has a jump to its first bytes';
  },
  'old-size-differs': (kitchen) =>
    applied(kitchen, { oldSize: Number(find(kitchen, SHOW_HANDLERS).size) + 1 }),
  'new-size-differs': (kitchen) => applied(kitchen, { newSize: 12 }),
  'not-a-function': (kitchen) =>
    applied(kitchen, { oldAddress: find(kitchen, SHOW_HANDLERS).address + 16n }),
  // What debug key x does with it is tried by itself: the rig's own listing presses that key.
  'function-name-unmapped': () => 'whether debug key x survives it is not tried here',
  'function-patched-twice': (kitchen) => {
    const { address } = find(kitchen, TOGGLE_ALT_KEY);
    const start = kitchen.model.memory.read(address, TRAMPOLINE_BYTES);
    const name = TOGGLE_ALT_KEY;
    const expect = Uint8Array.of(1 | (TRAMPOLINE_BYTES << 1), ...start);
    return {
      payloads: {
        unpatched: made(kitchen, 1, { functions: [functionOf(kitchen, { name, expect })] }),
        twice: made(kitchen, 2, {
          functions: [
            functionOf(kitchen, { name, newAddress: 'first' }),
            functionOf(kitchen, { name, newAddress: 'second' }),
          ],
        }),
      },
      before: [...life('unpatched'), upload('twice')],
      intent: 'apply',
      // The second time it does not find what it found the first time: a jump stayed behind.
      after: [apply('twice'), revert('twice'), unload('twice'), ...life('unpatched').slice(0, 2)],
    };
  },
  'patched-by-other': () => ({
    payloads: { hello: { member: 'hello' }, replace: { member: 'replace' } },
    before: [upload('hello'), apply('hello'), upload('replace')],
    intent: 'apply',
    after: [apply('replace', true)],
  }),
  'critical-code': (kitchen) => uploaded(kitchen, { name: 'do_nmi' }),
  'entry-code': (kitchen) => uploaded(kitchen, { name: 'cstar_enter' }),
  'init-code': (kitchen) => {
    const name = 'arch/x86/setup.c#consider_modules';
    const { address } = find(kitchen, name);
    return uploaded(kitchen, { name, oldAddress: address, newAddress: null, newSize: 5 });
  },
  'ambiguous-symbol': () => 'Debian builds with unique symbols',
  'bound-to-stranger': (kitchen) => ({
    payloads: {
      stranger: made(kitchen, 1, {
        functions: [functionOf(kitchen, {})],
        extraSymbols: [
          { name: EXPORT, section: '.text', value: 8n, binding: STB.GLOBAL, type: STT.FUNC },
        ],
      }),
      bound: made(kitchen, 2, {
        functions: [functionOf(kitchen, { name: TOGGLE_ALT_KEY, newAddress: EXPORT })],
        extraSymbols: [{ name: EXPORT, binding: STB.GLOBAL }],
        // Xen refuses a payload with a name that another one has.
        stringsSymbol: 'other_strings',
      }),
    },
    before: [upload('stranger'), upload('bound')],
    intent: 'apply',
    after: [unload('stranger'), unload('bound')],
  }),
  'unload-leaves-links': () => 'a plan that unloads has it, not a payload',
  'kept-in-freed-memory': (kitchen) => {
    if (!kitchen.model.rules.has('buildIdFirst')) {
      return 'before 4.20, 4.19.1 and 4.18.4 such a section is at NULL';
    }
    const payload = made(kitchen, 1, {
      functions: [functionOf(kitchen, {})],
      extraSections: [{ name: hookSection('preapply'), flags: 0n, data: new Uint8Array(8) }],
    });
    // Only APPLY, REVERT and REPLACE look at hooks.
    return {
      payloads: { payload },
      before: [upload('payload')],
      intent: 'apply',
      after: [unload('payload')],
    };
  },
  'data-prevents-reapply': () => ({
    payloads: { data: { member: 'data' } },
    before: [upload('data')],
    intent: 'apply',
    after: [apply('data'), revert('data'), apply('data')],
  }),
  'hooks-prevent-replace': () => ({
    payloads: { hooked: { member: 'hook-preapply' }, replace: { member: 'replace' } },
    before: [upload('hooked')],
    intent: 'apply',
    after: [apply('hooked'), upload('replace'), replace('replace')],
  }),
  'replace-reapplies-dirty-data': () => ({
    payloads: { data: { member: 'data' } },
    before: [upload('data'), apply('data'), revert('data')],
    intent: 'replace',
    after: [replace('data')],
  }),
  'replace-expectations-fail': () => ({
    payloads: { hello: { member: 'hello' }, wrong: { member: 'expect-wrong' } },
    before: [upload('hello'), apply('hello'), upload('wrong')],
    intent: 'replace',
    after: [replace('wrong')],
  }),
  'replace-loses-hooks': () => ({
    payloads: { hooked: { member: 'hook-load' }, replace: { member: 'replace' } },
    before: [upload('hooked'), apply('hooked'), upload('replace')],
    intent: 'replace',
    after: [replace('replace')],
  }),
};
