import type { SymbolTable, XenSymbol } from '../../../core/image/index.js';
import type { Model } from '../../../core/verify/index.js';
import type { Disassembler, Instruction } from '../../../core/x86/index.js';
import type { Operation } from '../../differential/sequences.js';
import { buildIdNote } from '../../support/elf-builder.js';
import {
  buildPayload,
  type FunctionSpec,
  idBytes,
  type PayloadSpec,
} from '../../support/payload-builder.js';

/** Where a payload comes from: the family, by name, or made here. */
export type Ingredient = { readonly member: string } | { readonly bytes: Uint8Array };

/** How to show a hazard: payloads, what is done with them, and when it is asked about the last upload. */
export interface Recipe {
  readonly payloads: Readonly<Record<string, Ingredient>>;
  /** Up to the upload of the payload in question. */
  readonly before: readonly Operation[];
  readonly intent: 'apply' | 'replace';
  /** What then may safely be done. */
  readonly after: readonly Operation[];
}

/** What recipes are made from. */
export interface Kitchen {
  readonly symbols: SymbolTable;
  readonly model: Model;
  readonly disassembler: Disassembler;
}

/**
 * Functions that run only on a debug key that nobody presses here (common/keyhandler.c): whatever is
 * written over them does no harm.
 */
export const SHOW_HANDLERS = 'common/keyhandler.c#show_handlers';
export const TOGGLE_ALT_KEY = 'common/keyhandler.c#do_toggle_alt_key';
export const REBOOT_MACHINE = 'common/keyhandler.c#reboot_machine';
/** LIVEPATCH_OPAQUE_SIZE: Xen writes no longer NOPs. */
export const MOST_NOP_BYTES = 31;
export const TRAMPOLINE_BYTES = 5;
export const EXPORT = 'xsplice_rig_export';

export const upload = (payload: string): Operation => ({ verb: 'upload', name: payload, payload });
export const apply = (name: string, nodeps = false): Operation => ({ verb: 'apply', name, nodeps });
export const revert = (name: string): Operation => ({ verb: 'revert', name });
export const replace = (name: string): Operation => ({ verb: 'replace', name });
export const unload = (name: string): Operation => ({ verb: 'unload', name });

/** Upload, apply, revert, unload. */
export function life(name: string): readonly Operation[] {
  return [upload(name), apply(name), revert(name), unload(name)];
}

/** An entry with the size that its function really has. */
export function functionOf(kitchen: Kitchen, spec: Partial<FunctionSpec>): FunctionSpec {
  const name = spec.name ?? SHOW_HANDLERS;
  const { size } = find(kitchen, name);
  return { name, ...(size > 0n ? { oldSize: Number(size) } : {}), ...spec };
}

/** A payload with one function, whose application does no harm. */
export function applied(kitchen: Kitchen, spec: Partial<FunctionSpec>): Recipe {
  const payload = made(kitchen, 1, { functions: [functionOf(kitchen, spec)] });
  const [first, ...after] = life('payload');
  return { payloads: { payload }, before: first ? [first] : [], intent: 'apply', after };
}

/** A payload with one function that must not be applied. */
export function uploaded(kitchen: Kitchen, spec: Partial<FunctionSpec>): Recipe {
  const payload = made(kitchen, 1, { functions: [functionOf(kitchen, spec)] });
  return {
    payloads: { payload },
    before: [upload('payload')],
    intent: 'apply',
    after: [unload('payload')],
  };
}

/** A payload for this hypervisor and on nothing else, with an id of its own. */
export function made({ model }: Kitchen, id: number, spec: PayloadSpec): Ingredient {
  const hypervisor = buildIdNote(Buffer.from(model.buildId ?? '', 'hex'));
  return {
    bytes: buildPayload({
      buildId: buildIdNote(idBytes(id)),
      depends: hypervisor,
      xenDepends: hypervisor,
      ...spec,
    }),
  };
}

export function find({ symbols }: Kitchen, name: string): XenSymbol {
  const symbol = symbols.entries.find((entry) => entry.name === name);
  if (symbol === undefined) throw new Error(`the hypervisor has no ${name}`);
  return symbol;
}

export function codeOf(kitchen: Kitchen, name: string): readonly Instruction[] {
  return decode(kitchen, find(kitchen, name));
}

export function decode(
  { model, disassembler }: Kitchen,
  symbol: XenSymbol,
): readonly Instruction[] {
  const bytes = model.memory.read(symbol.address, Number(symbol.size));
  return disassembler.decodeFunction(bytes, symbol.address);
}

export function offsetIn(kitchen: Kitchen, { address }: Instruction): number {
  return Number(address - find(kitchen, SHOW_HANDLERS).address);
}

/** Functions with a known size, with their code. */
export function* functionsOf(
  kitchen: Kitchen,
): Generator<{ readonly symbol: XenSymbol; readonly code: readonly Instruction[] }> {
  for (const symbol of kitchen.symbols.entries) {
    const isCode = symbol.type === 'T' || symbol.type === 't';
    if (!isCode || symbol.size < 16n || symbol.size > 4096n) continue;
    if (!kitchen.model.memory.isMapped(symbol.address)) continue;
    yield { symbol, code: decode(kitchen, symbol) };
  }
}

/** True where one of the NOPs that Xen writes may begin: a jump there is no hazard. */
export function isStartOfNop(start: bigint, end: bigint, target: bigint): boolean {
  return (target - start) % 8n === 0n || target === end;
}
