import { LIVEPATCH_FUNC } from '../../../core/abi/livepatch.js';
import { R_X86_64 } from '../../../core/elf/constants.js';
import type { HazardCode } from '../../../core/findings/index.js';
import type { Operation } from '../../differential/sequences.js';
import { copyOf } from './copy.js';
import {
  applied,
  apply,
  find,
  functionOf,
  type Ingredient,
  type Kitchen,
  life,
  made,
  REBOOT_MACHINE,
  revert,
  SHOW_HANDLERS,
  TOGGLE_ALT_KEY,
  unload,
  upload,
} from './kitchen.js';
import { RECIPES } from './recipes.js';

/** What is done on a hypervisor that is to die of it. */
export type DeadlyStep =
  | Operation
  /** A debug key: its handler runs. */
  | { readonly verb: 'press'; readonly key: string }
  | { readonly verb: 'wait'; readonly ms: number };

/** Payloads that Xen accepts, and a way to die of them. */
export interface DeadlyRecipe {
  readonly code: HazardCode;
  readonly payloads: Readonly<Record<string, Ingredient>>;
  readonly steps: readonly DeadlyStep[];
}

const press = (key: string): DeadlyStep => ({ verb: 'press', key });
const wait = (ms: number): DeadlyStep => ({ verb: 'wait', ms });

function pressed(
  kitchen: Kitchen,
  code: HazardCode,
  name: string,
  newSize: number,
  key: string,
): DeadlyRecipe {
  const { payloads } = applied(kitchen, { name, newAddress: null, newSize });
  return {
    code,
    payloads,
    steps: [upload('payload'), apply('payload'), wait(100), press(key), wait(500)],
  };
}

function copied(kitchen: Kitchen, name: string): DeadlyRecipe | string {
  let copy: Ingredient;
  try {
    copy = made(kitchen, 9, copyOf(kitchen, name));
  } catch (e) {
    return String(e);
  }
  return {
    code: 'critical-code',
    payloads: {
      copy,
      other: made(kitchen, 8, { functions: [functionOf(kitchen, {})], stringsSymbol: 'ostr' }),
      hello: { member: 'hello' },
    },
    steps: [
      upload('copy'),
      apply('copy'),
      wait(300),
      upload('other'),
      apply('other', true),
      wait(100),
      revert('other'),
      unload('other'),
      wait(100),
      revert('copy'),
      wait(300),
      unload('copy'),
      wait(300),
      upload('hello'),
      apply('hello'),
      wait(100),
      revert('hello'),
      unload('hello'),
      wait(300),
    ],
  };
}

const COPIES = [
  'arch/x86/domain.c#idle_loop',
  'idle_loop',
  'check_for_livepatch_work',
  'common/livepatch.c#check_for_livepatch_work',
  'common/livepatch.c#livepatch_do_action',
  'common/livepatch.c#do_livepatch_work',
  'common/livepatch.c#livepatch_spin',
  'common/livepatch.c#apply_payload',
  'common/livepatch.c#revert_payload',
  'revert_payload',
  'common/livepatch.c#apply_payload_tail',
  'common/livepatch.c#revert_payload_tail',
  'arch_livepatch_apply',
  'arch_livepatch_revert',
  'arch_livepatch_quiesce',
  'arch_livepatch_revive',
  'arch_livepatch_mask',
  'arch_livepatch_unmask',
  'arch_livepatch_post_action',
  'memcpy',
  '__memcpy',
  'add_nops',
  'arch/x86/livepatch.c#add_nops',
  'relax_virtual_region_perms',
  'tighten_virtual_region_perms',
  'reset_virtual_region_perms',
  'modify_xen_mappings_lite',
  'flush_area_local',
  'do_nmi',
  'set_nmi_callback',
  'do_machine_check',
  'common/livepatch.c#livepatch_action',
  'livepatch_op',
  'common/livepatch.c#livepatch_check_expectations',
  'common/livepatch.c#livepatch_display_metadata',
  'common/livepatch.c#was_action_consistent',
  'common/livepatch.c#schedule_work',
  'common/livepatch.c#find_payload',
  'common/livepatch.c#free_payload',
  'common/livepatch.c#build_id_dep',
  'is_patch',
  'find_text_region',
  'search_exception_table',
  'NOW',
  'get_s_time',
  'process_pending_softirqs',
  'do_softirq',
  'process_softirqs',
  'show_handlers',
  'common/keyhandler.c#show_handlers',
];

/** By name. */
export const DEADLY: Readonly<Record<string, (kitchen: Kitchen) => DeadlyRecipe | string>> = {
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map((n) => [
      `nop h ${n}`,
      (kitchen: Kitchen) => pressed(kitchen, 'nop-splits-instruction', SHOW_HANDLERS, n, 'h'),
    ]),
  ),
  'fall R': (kitchen) =>
    pressed(
      kitchen,
      'nop-falls-through',
      REBOOT_MACHINE,
      Number(find(kitchen, REBOOT_MACHINE).size),
      'R',
    ),
  'fall A': (kitchen) =>
    pressed(
      kitchen,
      'nop-falls-through',
      TOGGLE_ALT_KEY,
      Math.min(31, Number(find(kitchen, TOGGLE_ALT_KEY).size)),
      'A',
    ),
  twice: (kitchen) => {
    const recipe = RECIPES['function-patched-twice'](kitchen);
    if (typeof recipe === 'string') return recipe;
    return {
      code: 'function-patched-twice',
      payloads: recipe.payloads,
      steps: [...life('twice'), wait(100), press('A'), wait(500)],
    };
  },
  bound: (kitchen) => {
    const recipe = RECIPES['bound-to-stranger'](kitchen);
    if (typeof recipe === 'string') return recipe;
    return {
      code: 'bound-to-stranger',
      payloads: recipe.payloads,
      steps: [
        ...recipe.before,
        apply('bound', true),
        wait(100),
        press('A'),
        wait(200),
        unload('stranger'),
        wait(100),
        press('A'),
        wait(500),
      ],
    };
  },
  kept: (kitchen) => {
    const recipe = RECIPES['kept-in-freed-memory'](kitchen);
    if (typeof recipe === 'string') return recipe;
    return {
      code: 'kept-in-freed-memory',
      payloads: recipe.payloads,
      steps: [upload('payload'), apply('payload'), wait(500)],
    };
  },
  init: (kitchen) => {
    const recipe = RECIPES['init-code'](kitchen);
    if (typeof recipe === 'string') return recipe;
    return {
      code: 'init-code',
      payloads: recipe.payloads,
      steps: [upload('payload'), apply('payload'), wait(500)],
    };
  },
  name: (kitchen) => {
    const { address } = find(kitchen, SHOW_HANDLERS);
    return {
      code: 'function-name-unmapped',
      payloads: {
        payload: made(kitchen, 1, {
          functions: [
            functionOf(kitchen, { name: SHOW_HANDLERS }),
            functionOf(kitchen, { name: null, oldAddress: address }),
          ].slice(1) as never,
          extraRelocations: [
            {
              section: '.livepatch.funcs',
              offset: BigInt(LIVEPATCH_FUNC.name),
              type: R_X86_64[64],
              symbol: 'strings',
              addend: 0x1000_0000_0000n,
            },
          ],
        }),
      },
      steps: [upload('payload'), wait(100), press('x'), wait(500)],
    };
  },
  unnamed: (kitchen) => {
    const { address } = find(kitchen, SHOW_HANDLERS);
    return {
      code: 'function-name-unmapped',
      payloads: {
        payload: made(kitchen, 1, {
          functions: [functionOf(kitchen, { name: null, oldAddress: address })],
        }),
      },
      steps: [
        upload('payload'),
        wait(100),
        press('x'),
        wait(500),
        apply('payload'),
        press('x'),
        wait(200),
        press('h'),
        wait(200),
        revert('payload'),
        unload('payload'),
        wait(100),
      ],
    };
  },
  ...Object.fromEntries(
    COPIES.map((name) => [
      `copy ${name}`,
      (kitchen: Kitchen) =>
        kitchen.symbols.entries.some((e) => e.name === name)
          ? copied(kitchen, name)
          : 'it has none',
    ]),
  ),
};
