import { formatRelease } from '../../core/abi/release.js';
import * as elf from '../../core/elf/index.js';
import type { HypervisorImage } from '../../core/image/index.js';
import type { Style } from '../terminal/style.js';
import { renderTable } from '../terminal/table.js';
import { renderFindings } from './findings.js';

/** Ids, version, symbols and memory of a hypervisor image; under `verbose` each symbol. */
export function renderImage(image: HypervisorImage, style: Style, verbose: boolean): string {
  const { symbols, release } = image;
  const facts: (readonly string[])[] = [
    ['kind', `${image.kind}, ${elf.machineName(image.machine)}`],
    ['version', image.version ?? (release === null ? 'not known' : formatRelease(release))],
    ...(image.compiled === null ? [] : [['compiled', image.compiled]]),
    ...image.buildIds.map(({ id, source }) => ['build-id', `${id} (${source})`]),
    [
      'symbols',
      symbols === null
        ? 'none: names cannot be resolved, so init and verdicts need another file'
        : `${symbols.entries.length} (${image.symbolSource ?? 'unknown source'})`,
    ],
  ];
  const ranges = image.memory.map(({ address, sizeBytes, writable, executable, init }) => [
    hex(address),
    `${sizeBytes} bytes`,
    `r${writable ? 'w' : '-'}${executable ? 'x' : '-'}`,
    init ? 'freed after boot' : '',
  ]);
  const lines = [style.bold(style.text(image.file)), renderTable(facts, style, { indent: '  ' })];
  if (ranges.length > 0) lines.push('  memory', renderTable(ranges, style, { indent: '    ' }));
  if (verbose && symbols !== null) {
    const rows = symbols.entries.map(({ address, type, name }) => [hex(address), type, name]);
    lines.push('  symbols', renderTable(rows, style, { indent: '    ' }));
  }
  if (image.findings.length > 0) lines.push(renderFindings(image.findings, style));
  return lines.join('\n');
}

/** The same for programs. The symbols themselves only under --verbose: there are some ten thousand. */
export function imageFields(
  image: HypervisorImage,
  verbose: boolean,
): Readonly<Record<string, unknown>> {
  const { file, kind, machine, buildIds, release, version, compiled, symbols, memory, findings } =
    image;
  return {
    file,
    type: 'image',
    kind,
    machine: elf.machineName(machine),
    buildIds,
    release: release === null ? null : formatRelease(release),
    version,
    compiled,
    symbols:
      symbols === null
        ? null
        : {
            source: image.symbolSource,
            count: symbols.entries.length,
            ...(verbose ? { entries: symbols.entries } : {}),
          },
    memory: memory.map(({ address, sizeBytes, writable, executable, init }) => ({
      address,
      sizeBytes,
      writable,
      executable,
      init,
    })),
    findings,
  };
}

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}
