import { LIVEPATCH_FUNC, SECTION } from '../../../core/abi/livepatch.js';
import { R_X86_64 } from '../../../core/elf/constants.js';
import type { HazardCode } from '../../../core/findings/index.js';
import type { Operation } from '../../differential/sequences.js';
import { copyOf } from './copy.js';
import {
  applied,
  apply,
  codeOf,
  find,
  functionOf,
  type Ingredient,
  type Kitchen,
  life,
  MOST_NOP_BYTES,
  made,
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
  /** dom0's CPU becomes this one, and the other one idle. */
  | { readonly verb: 'move'; readonly cpu: number };

/** Payloads, and what is done with them. */
export interface DeadlyRecipe {
  readonly payloads: Readonly<Record<string, Ingredient>>;
  readonly steps: readonly DeadlyStep[];
}

/** What Xen accepts and dies of: each step but the last is survived. */
export interface Death {
  /** What it is told as: of the payload that is uploaded last, or of the plan. */
  readonly code: HazardCode;
  /** The way to it on a hypervisor, or why there is none. */
  readonly recipe: (kitchen: Kitchen) => DeadlyRecipe | string;
}

const press = (key: string): DeadlyStep => ({ verb: 'press', key });
const move = (cpu: number): DeadlyStep => ({ verb: 'move', cpu });

/** Debug keys of the functions that recipes patch: their handlers run when they are pressed. */
const KEY = { showHandlers: 'h', toggleAltKey: 'A', rebootMachine: 'R', list: 'x' } as const;

const PRESSED = [
  [SHOW_HANDLERS, KEY.showHandlers],
  [TOGGLE_ALT_KEY, KEY.toggleAltKey],
] as const;

const BOUND_AND_UNLOADED: readonly DeadlyStep[] = [
  upload('stranger'),
  upload('bound'),
  apply('bound', true),
  press(KEY.toggleAltKey),
  unload('stranger'),
  press(KEY.toggleAltKey),
];

/** Deaths by what an administrator would have done. */
export const DEADLY: Readonly<Record<string, Death>> = {
  'NOPs that end inside an instruction': {
    code: 'nop-splits-instruction',
    recipe: (kitchen) => {
      for (const [name, key] of PRESSED) {
        const newSize = invalidCut(kitchen, name);
        if (newSize === null) continue;
        const { payloads } = applied(kitchen, { name, newAddress: null, newSize });
        return { payloads, steps: [upload('payload'), apply('payload'), press(key)] };
      }
      return 'no cut leaves what no CPU runs';
    },
  },
  'NOPs over a whole function': {
    code: 'nop-falls-through',
    recipe: (kitchen) =>
      kitchen.model.rules.has('buildIdFirst')
        ? 'what lies behind the function here does no harm: it prints'
        : withPayloadsOf('nop-falls-through', [
            upload('payload'),
            apply('payload'),
            press(KEY.rebootMachine),
          ])(kitchen),
  },
  'code of an init section': {
    code: 'init-code',
    recipe: withPayloadsOf('init-code', [upload('payload'), apply('payload')]),
  },
  'a function patched twice, reverted and unloaded': {
    code: 'function-patched-twice',
    recipe: withPayloadsOf('function-patched-twice', [...life('twice'), press(KEY.toggleAltKey)]),
  },
  'a payload unloaded to which another is bound': {
    code: 'bound-to-stranger',
    recipe: withPayloadsOf('bound-to-stranger', BOUND_AND_UNLOADED),
  },
  'a hook in memory that was freed': {
    code: 'kept-in-freed-memory',
    recipe: withPayloadsOf('kept-in-freed-memory', [upload('payload'), apply('payload')]),
  },
  'a function name that leads nowhere, listed': {
    code: 'function-name-unmapped',
    recipe: (kitchen) => ({
      payloads: { payload: nameless(kitchen) },
      steps: [upload('payload'), press(KEY.list)],
    }),
  },
};

/** Code that patching itself needs. */
const CRITICAL = [
  ['idle', 'arch/x86/domain.c#idle_loop'],
  ['check', 'check_for_livepatch_work'],
  ['write', 'arch_livepatch_apply'],
] as const;

/** What core/hazards warns of, and what is survived: the reason why it is no error. */
export const SURVIVED: Readonly<Record<string, Death>> = {
  'code that patching needs, replaced by the very same': {
    code: 'critical-code',
    recipe: (kitchen) => ({
      payloads: Object.fromEntries(
        CRITICAL.map(([payload, name], id) => [payload, made(kitchen, id, copyOf(kitchen, name))]),
      ),
      steps: CRITICAL.flatMap(([payload]) => [
        upload(payload),
        apply(payload),
        // The CPU that dom0 leaves idles in the new code.
        move(1),
        move(0),
        revert(payload),
        unload(payload),
      ]),
    }),
  },
};

/** A new_size whose NOPs leave the rest of an instruction that is none by itself; null where none do. */
function invalidCut(kitchen: Kitchen, name: string): number | null {
  const code = codeOf(kitchen, name);
  const [first] = code;
  if (first === undefined) return null;
  const { address, size } = find(kitchen, name);
  const starts = new Set(code.map((instruction) => Number(instruction.address - address)));
  // NOPs go behind an ENDBR64, and new_size counts from the start all the same.
  for (let end = first.length + 1; end < Number(size) && end <= MOST_NOP_BYTES; end++) {
    if (starts.has(end)) continue;
    const at = address + BigInt(end);
    const rest = kitchen.model.memory.read(at, Number(size) - end);
    if (kitchen.disassembler.decodeFunction(rest, at)[0]?.flow === 'invalid') return end;
  }
  return null;
}

/** The payloads of a hazard that is shown without harm elsewhere, and another thing done with them. */
function withPayloadsOf(code: HazardCode, steps: readonly DeadlyStep[]): Death['recipe'] {
  return (kitchen) => {
    const recipe = RECIPES[code](kitchen);
    return typeof recipe === 'string' ? recipe : { payloads: recipe.payloads, steps };
  };
}

/** Farther from any payload than Xen's memory reaches. */
const NOWHERE = 1n << 44n;

/** A payload that gives the address of its function, and a name where nothing is mapped. */
function nameless(kitchen: Kitchen): Ingredient {
  const { address } = find(kitchen, SHOW_HANDLERS);
  return made(kitchen, 1, {
    functions: [functionOf(kitchen, { name: null, oldAddress: address })],
    extraRelocations: [
      {
        section: SECTION.funcs,
        offset: BigInt(LIVEPATCH_FUNC.name),
        type: R_X86_64[64],
        symbol: 'strings',
        addend: NOWHERE,
      },
    ],
  });
}
