import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readImage, readMemory } from '../../core/image/index.js';
import { BuildError } from './build-error.js';
import { runTool } from './toolchain.js';

/** Where a function or an object of the hypervisor is. */
export interface ImageSymbol {
  readonly address: bigint;
  /** In bytes. Where a source knows no sizes this is the distance to the next symbol. */
  readonly sizeBytes: number;
}

/** All that building a payload needs to know of a hypervisor. */
export interface ImageFacts {
  /** Lower-case hex. */
  readonly buildId: string;
  /** By Xen's own name: `printk`, or `common/livepatch.c#apply_payload` for a local symbol. */
  symbol(name: string): ImageSymbol | undefined;
  /** Bytes as the image file has them, or null where this source does not have them. */
  bytes(address: bigint, count: number): Uint8Array | null;
}

interface LoadedSection {
  readonly address: bigint;
  readonly fileOffset: number;
  readonly sizeBytes: bigint;
}

/**
 * Facts from an ELF64 xen-syms, read with readelf: this does not use the project's own reader, so
 * that the payloads can serve as ground truth for it.
 */
export async function readElfFacts(path: string): Promise<ImageFacts> {
  const [notes, headers, symbols] = await Promise.all([
    runTool('readelf', ['-nW', path]),
    runTool('readelf', ['-SW', path]),
    runTool('readelf', ['-sW', path]),
  ]);
  const buildId = /Build ID: ([0-9a-f]+)/.exec(notes)?.[1];
  if (buildId === undefined) {
    throw new BuildError('no-build-id', `${path} has no build-id note`, {
      hint: 'Give the xen-syms of a hypervisor that was linked with --build-id.',
    });
  }
  const sections = parseSections(headers);
  const table = parseSymbols(symbols);
  const file = openSync(path, 'r');
  return {
    buildId,
    symbol: (name) => table.get(name),
    bytes: (address, count) => {
      const section = sections.find(
        (s) => address >= s.address && address + BigInt(count) <= s.address + s.sizeBytes,
      );
      if (section === undefined) return null;
      const bytes = new Uint8Array(count);
      const position = section.fileOffset + Number(address - section.address);
      return readSync(file, bytes, 0, count, position) === count ? bytes : null;
    },
  };
}

/** Allocated sections that have contents, from `readelf -SW`. */
function parseSections(text: string): readonly LoadedSection[] {
  const row = /\]\s+\S+\s+(PROGBITS|NOTE)\s+([0-9a-f]{16})\s+([0-9a-f]+)\s+([0-9a-f]+)/;
  return text.split('\n').flatMap((line) => {
    const [, , address, offset, size] = row.exec(line) ?? [];
    if (address === undefined || offset === undefined || size === undefined) return [];
    if (/^0+$/.test(address)) return [];
    return [
      {
        address: BigInt(`0x${address}`),
        fileOffset: Number.parseInt(offset, 16),
        sizeBytes: BigInt(`0x${size}`),
      },
    ];
  });
}

/** Xen's names from `readelf -sW`: a local symbol belongs to the FILE symbol above it. */
function parseSymbols(text: string): ReadonlyMap<string, ImageSymbol> {
  const table = new Map<string, ImageSymbol>();
  let sourceFile = '';
  for (const line of text.split('\n')) {
    const [number, value, size, type, bind, , index, name] = line.trim().split(/\s+/);
    if (number === undefined || value === undefined || name === undefined) continue;
    if (!/^\d+:$/.test(number)) continue;
    if (type === 'FILE') {
      sourceFile = name;
      continue;
    }
    if (index === 'UND' || type === 'SECTION') continue;
    const key = bind === 'LOCAL' ? `${sourceFile}#${name}` : name;
    table.set(key, { address: BigInt(`0x${value}`), sizeBytes: Number(size) });
  }
  return table;
}

/** Facts from any hypervisor image: readelf for an ELF64, this project's reader for xen.gz and the like. */
export async function readImageFacts(path: string): Promise<ImageFacts> {
  const start = new Uint8Array(5);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, start.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf64 = Buffer.from(start).toString('latin1') === '\x7fELF\x02';
  return isElf64 ? readElfFacts(path) : readBootFacts(path);
}

/**
 * Facts from an image that has only Xen's own symbol table, for a hypervisor whose xen-syms is not
 * packaged. That table has no sizes before 4.21: they are distances to the next symbol.
 */
function readBootFacts(path: string): ImageFacts {
  const image = readImage(readFileSync(path), path);
  const [buildId] = image.buildIds;
  if (buildId === undefined || image.symbols === null) {
    throw new BuildError('no-symbols', `${path} has no build-id or no symbols that were found`, {
      hint: 'Give its xen-syms, or a list of symbols with --symbols.',
    });
  }
  const entries = image.symbols.entries.map(({ name, address, size }) => ({ name, address, size }));
  const nextAfter = nextAddresses(entries.map((entry) => entry.address));
  const table = new Map<string, ImageSymbol>();
  for (const { name, address, size } of entries) {
    const derived = (nextAfter.get(address) ?? address) - address;
    table.set(name, { address, sizeBytes: Number(size > 0n ? size : derived) });
  }
  return {
    buildId: buildId.id,
    symbol: (name) => table.get(name),
    bytes: (address, count) => readMemory(image.memory, address, count),
  };
}

/** For each address the next higher one; the highest has none. */
function nextAddresses(addresses: readonly bigint[]): ReadonlyMap<bigint, bigint | undefined> {
  const ascending = [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1));
  return new Map(ascending.map((address, i) => [address, ascending[i + 1]]));
}

/**
 * Facts from a JSON file, for a hypervisor that has no xen-syms:
 * `{"buildId": "…", "symbols": {"xen_extra_version": {"address": "0x…", "size": 12, "bytes": "488d…"}}}`.
 * `size` and `bytes` may be left out. Any address in `symbols` may end a function: list the whole of
 * /proc/xen/xensyms to get sizes that are right but for padding.
 */
export function readJsonFacts(path: string): ImageFacts {
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const root = record(document, path);
  const buildId = root['buildId'];
  if (typeof buildId !== 'string' || !/^([0-9a-f]{2})+$/.test(buildId)) {
    throw malformed(path, 'buildId', buildId, 'lower-case hex');
  }
  const table = new Map<string, ImageSymbol>();
  const contents: { address: bigint; bytes: Uint8Array }[] = [];
  const rows = Object.entries(record(root['symbols'], `${path}: symbols`)).map(([name, value]) => {
    const row = record(value, `${path}: symbols.${name}`);
    const address = row['address'];
    if (typeof address !== 'string' || !/^0x[0-9a-fA-F]{1,16}$/.test(address)) {
      throw malformed(
        path,
        `symbols.${name}.address`,
        address,
        'a string such as 0xffff82d040200000',
      );
    }
    return { name, row, address: BigInt(address) };
  });
  const nextAfter = nextAddresses(rows.map((row) => row.address));
  for (const { name, row, address } of rows) {
    const next = nextAfter.get(address);
    const size = row['size'];
    const derived = next === undefined ? 0 : Number(next - address);
    table.set(name, { address, sizeBytes: typeof size === 'number' ? size : derived });
    const bytes = row['bytes'];
    if (typeof bytes === 'string') contents.push({ address, bytes: Buffer.from(bytes, 'hex') });
  }
  return {
    buildId,
    symbol: (name) => table.get(name),
    bytes: (address, count) => {
      for (const entry of contents) {
        const from = Number(address - entry.address);
        if (from >= 0 && from + count <= entry.bytes.length) {
          return entry.bytes.subarray(from, from + count);
        }
      }
      return null;
    },
  };
}

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(where, 'value', value, 'an object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function malformed(where: string, field: string, found: unknown, wanted: string): BuildError {
  return new BuildError(
    'malformed-symbols',
    `${where}: ${field} is ${JSON.stringify(found) ?? 'absent'}, expected ${wanted}`,
  );
}
