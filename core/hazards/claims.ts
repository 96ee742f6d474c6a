import { hex } from '../abi/address.js';
import { SHN } from '../elf/index.js';
import { type Finding, finding } from '../findings/index.js';
import type { SymbolTable } from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import { findPayload, functionName, functionsInMemory, type Model } from '../verify/index.js';
import { bounded } from './bounded.js';
import { calledByPointer, isBuiltForIbt } from './cet.js';
import { importClaims } from './imports.js';

/**
 * What a payload claims of its hypervisor, compared with the image that is given: addresses, types and sizes of names,
 * and what CET-IBT asks of code that is called by pointer. The model has the payload loaded.
 */
export function claimsOf(
  { payload, planned: { file, name } }: PayloadInput,
  model: Model,
  symbols: SymbolTable | null,
): readonly Finding[] {
  if (symbols === null) return [];
  return bounded([
    ...oldAddresses(file, name, model, symbols),
    ...absolutes(file, payload.definitions, symbols),
    ...importClaims(file, payload.elf, symbols),
    ...(isBuiltForIbt(model, symbols) ? calledByPointer(file, payload.elf, model, symbols) : []),
  ]);
}

function oldAddresses(
  file: string,
  name: string,
  model: Model,
  symbols: SymbolTable,
): readonly Finding[] {
  const { memory, rules } = model;
  const loaded = findPayload(model, name);
  if (loaded === null) return [];
  return functionsInMemory(memory, rules, loaded).flatMap((func) => {
    const symbol = functionName(memory, func);
    if (symbol === null) return [];
    const own = addressesOf(symbols, symbol);
    const [there] = symbols.at(func.oldAddress);
    if (own.length === 0 || own.includes(func.oldAddress) || there === undefined) return [];
    const at = hex(func.oldAddress);
    return [
      finding('old-address-of-another', {
        ...{ file, symbol, expected: own.map(hex).join(' or '), actual: at },
        message: `${file}: a function is named ${symbol}, but its old_addr ${at} is ${there.name}`,
      }),
    ];
  });
}

function absolutes(
  file: string,
  definitions: PayloadInput['payload']['definitions'],
  symbols: SymbolTable,
): readonly Finding[] {
  return definitions.flatMap(({ name, sectionIndex, value }) => {
    if (sectionIndex !== SHN.ABS || value === 0n) return [];
    const own = addressesOf(symbols, name);
    if (own.length === 0 || own.includes(value)) return [];
    const [there] = symbols.at(value);
    const what = there === undefined ? '' : `, where ${there.name} is`;
    const expected = own.map(hex).join(' or ');
    return [
      finding('absolute-symbol-differs', {
        ...{ file, symbol: name, expected, actual: hex(value) },
        message: `${file}: gives ${name} the address ${hex(value)}${what}; this Xen has it at ${expected}`,
      }),
    ];
  });
}

const plainNames = new WeakMap<SymbolTable, ReadonlyMap<string, readonly bigint[]>>();

/** All addresses of a name, with or without its file, whatever the compiler put behind it (.part.0, .cold). */
function addressesOf(symbols: SymbolTable, name: string): readonly bigint[] {
  let known = plainNames.get(symbols);
  if (known === undefined) {
    const made = new Map<string, bigint[]>();
    for (const entry of symbols.entries) {
      const key = plain(entry.name);
      const addresses = made.get(key);
      if (addresses === undefined) made.set(key, [entry.address]);
      else addresses.push(entry.address);
    }
    plainNames.set(symbols, made);
    known = made;
  }
  const exact = symbols.addressesOf(name);
  return name.includes('#') && exact.length > 0 ? exact : (known.get(plain(name)) ?? exact);
}

/** Ours: a name of Xen's own table is shorter. */
const MAX_NAME_CHARACTERS = 256;

function plain(name: string): string {
  const short = name.slice(0, MAX_NAME_CHARACTERS);
  const local = short.slice(short.lastIndexOf('#') + 1);
  return local.replace(/\.(?:part|constprop|isra|cold|lto_priv|llvm)\b.*$/, '');
}
