import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** False where a test has nothing to compare with; otherwise why it is skipped. */
export const readelfMissing: string | false =
  spawnSync('readelf', ['--version']).status === 0
    ? false
    : 'readelf (binutils) is not installed: no ground truth to compare with';

/** Files named in XSPLICE_REAL_INPUTS, colon-separated: real hypervisors and payloads to read as well. */
export function realInputs(): readonly string[] {
  return (process.env['XSPLICE_REAL_INPUTS'] ?? '').split(':').filter((file) => file !== '');
}

/** What `readelf -hW` prints, by its labels, e.g. `Section header string table index`. */
export function readelfHeader(file: string): ReadonlyMap<string, string> {
  return new Map(
    run('-hW', file).flatMap((line) => {
      const match = /^ {2}([A-Z][^:]*):\s+(.*?)\s*$/.exec(line);
      return match ? [[match[1] ?? '', match[2] ?? '']] : [];
    }),
  );
}

export interface ReadelfSection {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly address: bigint;
  readonly offset: bigint;
  readonly size: bigint;
  readonly entrySize: bigint;
  readonly flags: string;
  readonly link: number;
  readonly info: number;
  readonly alignment: bigint;
}

export function readelfSections(file: string): readonly ReadelfSection[] {
  const pattern =
    /^ {2}\[ *(\d+)\] (.*?) +([A-Z_0-9]+) +([0-9a-f]{8,16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([ A-Za-z]{3,4}) +(\d+) +(\d+) +(\d+)$/;
  return run('-SW', file).flatMap((line) => {
    const match = pattern.exec(line);
    if (!match) return [];
    const text = (group: number) => match[group] ?? '';
    return [
      {
        index: Number(text(1)),
        name: text(2).trim(),
        type: text(3),
        address: hex(text(4)),
        offset: hex(text(5)),
        size: hex(text(6)),
        entrySize: hex(text(7)),
        flags: text(8).trim(),
        link: Number(text(9)),
        info: Number(text(10)),
        alignment: BigInt(text(11)),
      },
    ];
  });
}

export interface ReadelfSymbol {
  readonly index: number;
  readonly value: bigint;
  readonly size: bigint;
  readonly type: string;
  readonly binding: string;
  readonly visibility: string;
  readonly section: string;
  readonly name: string;
}

export function readelfSymbols(file: string): readonly ReadelfSymbol[] {
  const pattern =
    /^ *(\d+): ([0-9a-f]+) +(0x[0-9a-f]+|\d+) (\S+) +(\S+) +(\S+) +(?:\[.*\] +)?(\S+) ?(.*)$/;
  return run('-sW', file).flatMap((line) => {
    const match = pattern.exec(line);
    if (!match) return [];
    const text = (group: number) => match[group] ?? '';
    // readelf gives section symbols their section's name and dynamic ones a version; the table has neither.
    const name =
      text(4) === 'SECTION'
        ? ''
        : text(8)
            .trimEnd()
            .replace(/@{1,2}[A-Z][\w.]*(?: \(\d+\))?$/, '');
    return [
      {
        index: Number(text(1)),
        value: hex(text(2)),
        size: BigInt(text(3)),
        type: text(4),
        binding: text(5),
        visibility: text(6),
        section: text(7),
        name,
      },
    ];
  });
}

export interface ReadelfRelocation {
  /** Name of the relocation section. */
  readonly section: string;
  readonly offset: bigint;
  readonly info: bigint;
  readonly type: string;
  readonly addend: bigint;
}

export function readelfRelocations(file: string): readonly ReadelfRelocation[] {
  let section = '';
  return run('-rW', file).flatMap((line) => {
    const title = /^Relocation section '(.*)' at/.exec(line);
    if (title) section = title[1] ?? '';
    const match = /^([0-9a-f]{8,16}) +([0-9a-f]{8,16}) +(\S+)(?: +(.*))?$/.exec(line);
    if (!match) return [];
    const addend = /(?:^|([+-]) )(-?[0-9a-f]+)$/.exec((match[4] ?? '').trim());
    const size = addend ? hex(addend[2] ?? '0') : 0n;
    return [
      {
        section,
        offset: hex(match[1] ?? ''),
        info: hex(match[2] ?? ''),
        type: match[3] ?? '',
        addend: addend?.[1] === '-' ? -size : size,
      },
    ];
  });
}

export interface ReadelfNote {
  readonly section: string;
  readonly owner: string;
  readonly descSize: number;
  /** The hex that readelf prints for a build-id; null for other notes. */
  readonly buildId: string | null;
}

export function readelfNotes(file: string): readonly ReadelfNote[] {
  const notes: ReadelfNote[] = [];
  let section = '';
  for (const line of run('-nW', file)) {
    const title = /^Displaying notes found in: (.*)$/.exec(line);
    if (title) section = title[1] ?? '';
    const note = /^ {2}(\S+) +0x([0-9a-f]{8})\t(.*)$/.exec(line);
    if (!note) continue;
    const id = /Build ID: ([0-9a-f]*)/.exec(note[3] ?? '');
    notes.push({
      section,
      owner: note[1] ?? '',
      descSize: Number.parseInt(note[2] ?? '', 16),
      buildId: id?.[1] ?? null,
    });
  }
  return notes;
}

/** Calls `use` with a file that holds these bytes, for tools that want one. */
export function withFile<T>(bytes: Uint8Array, use: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'xsplice-test-'));
  try {
    const file = path.join(folder, 'input');
    writeFileSync(file, bytes);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(...args: readonly string[]): readonly string[] {
  const file = args.at(-1) ?? '';
  if (!existsSync(file)) throw new Error(`readelf cannot read ${file}: no such file`);
  const result = spawnSync('readelf', args, {
    encoding: 'latin1',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) throw new Error(`readelf ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.split('\n');
}

function hex(digits: string): bigint {
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
}
