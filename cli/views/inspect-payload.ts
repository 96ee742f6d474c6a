import * as elf from '../../core/elf/index.js';
import type { Finding } from '../../core/findings/index.js';
import { unusedParts } from '../../core/hazards/index.js';
import type { Payload, PayloadFunction, PayloadId, Pointer } from '../../core/payload/index.js';
import { KNOWN_MINORS, rulesFor } from '../../core/verify/index.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { renderFindings } from './findings.js';

/** Of Xen 4: the last release whose payloads have version 1. */
const LAST_OF_VERSION_1 = 13;

/** Everything in a payload; sections, symbols and each relocation under `verbose`. */
export function renderPayload(payload: Payload, style: Style, verbose: boolean): string {
  const lines = [
    style.bold(style.text(payload.file)),
    renderTable(factsOf(payload), style, { indent: '  ' }),
  ];
  const add = (title: string, rows: readonly (readonly (string | Cell)[])[]) => {
    if (rows.length > 0) lines.push(`  ${title}`, renderTable(rows, style, { indent: '    ' }));
  };
  add('functions', payload.functions.map(functionRow));
  add(
    'hooks',
    payload.hooks.map(({ kind, targets }) => [kind, targets.map(pointerText).join(', ')]),
  );
  add(
    'metadata',
    payload.metadata.map(({ key, value }) => [key, value ?? '']),
  );
  add(
    'imports',
    payload.imports.map(({ name }) => [name]),
  );
  add(
    'relocations',
    payload.relocations.map(({ type, count }) => [type, String(count)]),
  );
  if (verbose) {
    add('sections', payload.elf.sections.map(sectionRow));
    add(
      'symbols',
      symbolsOf(payload).map((symbol) => [
        hex(symbol.value),
        `${symbol.size}`,
        symbol.type,
        symbol.binding,
        symbol.visibility,
        symbol.section,
        symbol.name,
      ]),
    );
    for (const { section, entries } of relocationsOf(payload)) {
      const rows = entries.map((r) => [hex(r.offset), r.type, r.symbol, addendText(r.addend)]);
      add(`relocations in ${section}`, rows);
    }
  }
  const findings = [...payload.findings, ...unusedIn(payload)];
  if (findings.length > 0) lines.push(renderFindings(findings, style));
  return lines.join('\n');
}

/** The same for programs: all of it. */
export function payloadFields(payload: Payload): Readonly<Record<string, unknown>> {
  const { header, sections } = payload.elf;
  return {
    file: payload.file,
    type: 'payload',
    sizeBytes: payload.sizeBytes,
    machine: payload.machine,
    version: payload.version,
    buildId: payload.buildId,
    depends: payload.depends,
    xenDepends: payload.xenDepends,
    functions: payload.functions,
    hooks: payload.hooks,
    vetoingHooks: payload.vetoingHooks,
    metadata: payload.metadata,
    safeToReapply: payload.safeToReapply,
    hasSignature: payload.hasSignature,
    imports: payload.imports.map(({ name }) => name),
    header,
    sections: sections.map((section) => ({
      ...section,
      type: elf.sectionTypeName(section.type),
      flags: section.flags,
      flagLetters: elf.sectionFlagLetters(section.flags),
    })),
    symbols: symbolsOf(payload),
    relocations: relocationsOf(payload),
    findings: [...payload.findings, ...unusedIn(payload)],
  };
}

/**
 * What Xen passes over in it, by the rules of the newest release that knows its layout: without a hypervisor
 * there is no other to ask.
 */
function unusedIn(payload: Payload): readonly Finding[] {
  const minor = payload.version === 1 ? LAST_OF_VERSION_1 : KNOWN_MINORS.last;
  return unusedParts(payload, rulesFor({ major: 4, minor, patch: null }));
}

function factsOf(payload: Payload): readonly (readonly string[])[] {
  const version = payload.version === null ? 'no functions' : `version ${payload.version}`;
  return [
    ['kind', `payload, ${payload.machine}, ${version}, ${payload.sizeBytes} bytes`],
    ['build-id', idText(payload.buildId)],
    ['depends', idText(payload.depends)],
    ['xen depends', idText(payload.xenDepends)],
    ['re-apply', payload.safeToReapply ? 'as it is' : 'only after a new upload: has data'],
    ...(payload.vetoingHooks.length > 0
      ? [['replace', `impossible: has ${payload.vetoingHooks.join(', ')}`]]
      : []),
    ...(payload.hasSignature ? [['signature', 'appended; Xen ignores it']] : []),
  ];
}

function idText(id: PayloadId): string {
  return id.status === 'present' ? id.id : id.status;
}

function functionRow(func: PayloadFunction): readonly (string | Cell)[] {
  const { name, oldAddress, newAddress, oldSize, newSize, version, expectation } = func;
  const from = oldAddress.kind === 'null' ? 'looked up by name' : `at ${pointerText(oldAddress)}`;
  const expected =
    expectation?.enabled === true
      ? `expects ${Buffer.from(expectation.data.subarray(0, expectation.len)).toString('hex')}`
      : '';
  return [
    name ?? '(no name)',
    `${from}, ${oldSize} bytes`,
    func.isNop ? `${newSize} bytes of NOP` : `by ${pointerText(newAddress)}, ${newSize} bytes`,
    `v${version}`,
    expected,
  ];
}

function pointerText(pointer: Pointer): string {
  switch (pointer.kind) {
    case 'null':
      return 'null';
    case 'value':
      return hex(pointer.value);
    case 'symbol': {
      const { symbol, addend } = pointer;
      return addend === 0n ? symbol : `${symbol}${addendText(addend)}`;
    }
  }
}

function sectionRow(section: elf.ElfSection): readonly string[] {
  const { index, name, type, flags, offset, size, alignment } = section;
  return [
    String(index),
    name,
    elf.sectionTypeName(type),
    elf.sectionFlagLetters(flags),
    hex(offset),
    `${size} bytes`,
    `align ${alignment}`,
  ];
}

interface SymbolFields {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  readonly type: string;
  readonly binding: string;
  readonly visibility: string;
  readonly section: string;
}

/** Empty where the table cannot be read, which is a finding. */
function symbolsOf({ elf: file }: Payload): readonly SymbolFields[] {
  const symbols = readable(() => elf.readSymbols(file)) ?? [];
  return symbols.map(({ name, value, size, type, binding, visibility, sectionIndex }) => ({
    name,
    value,
    size,
    type: elf.symbolTypeName(type),
    binding: elf.symbolBindingName(binding),
    visibility: elf.symbolVisibilityName(visibility),
    section: file.sections[sectionIndex]?.name ?? `0x${sectionIndex.toString(16)}`,
  }));
}

interface RelocationFields {
  readonly section: string;
  readonly target: string | null;
  readonly entries: readonly {
    readonly offset: bigint;
    readonly type: string;
    readonly symbol: string;
    readonly addend: bigint | null;
  }[];
}

/** Empty where they cannot be read, which is a finding. */
function relocationsOf({ elf: file }: Payload): readonly RelocationFields[] {
  const tables = readable(() => elf.readRelocations(file)) ?? [];
  const symbols = readable(() => elf.readSymbols(file)) ?? [];
  return tables.map(({ section, target, entries }) => ({
    section: section.name,
    target: target?.name ?? null,
    entries: entries.map(({ offset, type, symbolIndex, addend }) => {
      const symbol = symbols[symbolIndex];
      const home = symbol === undefined ? undefined : file.sections[symbol.sectionIndex];
      return {
        offset,
        type: elf.relocationTypeName(file.header.machine, type),
        symbol:
          symbol === undefined || symbol.name !== '' ? (symbol?.name ?? '') : (home?.name ?? ''),
        addend,
      };
    }),
  }));
}

function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof elf.ElfError) return null;
    throw error;
  }
}

function addendText(addend: bigint | null): string {
  if (addend === null) return '';
  return addend < 0n ? `-0x${(-addend).toString(16)}` : `+0x${addend.toString(16)}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
