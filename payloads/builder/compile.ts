import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIVEPATCH_OPAQUE_SIZE } from '../../core/abi/livepatch.js';
import { InternalError } from '../../core/findings/index.js';
import type { Member } from './family.js';
import type { ImageFacts } from './image-facts.js';
import { endsInLongJump, readStraightCode } from './old-code.js';
import { COMPILE_FLAGS, runTool, type Toolchain } from './toolchain.js';

/** What compiling needs besides the member. */
export interface CompileSetting {
  readonly image: ImageFacts;
  readonly payloadVersion: 1 | 2;
  readonly tools: Toolchain;
  /** Folder with the C sources. */
  readonly sources: string;
  /** Folder for objects; the caller removes it. */
  readonly scratch: string;
}

/** An object file whose imports have Xen's names; depends notes and build-id are still to come. */
export interface CompiledMember {
  readonly member: Member;
  readonly object: string;
  /** C name → Xen's name. */
  readonly renames: ReadonlyMap<string, string>;
}

/** Compiles a member, or says in a sentence why the image does not allow it. */
export async function compileMember(
  member: Member,
  setting: CompileSetting,
): Promise<CompiledMember | string> {
  if (member.sinceVersion2 === true && setting.payloadVersion === 1) {
    return 'needs payload version 2 (Xen 4.14 or later)';
  }
  const renames = chooseImports(member, setting.image);
  if (typeof renames === 'string') return renames;
  const facts = await imageDefines(member, setting.image);
  if (typeof facts === 'string') return facts;

  const prefix = symbolPrefix(member);
  const defines = [
    `PAYLOAD=${prefix}`,
    `LIVEPATCH_PAYLOAD_VERSION=${setting.payloadVersion}`,
    ...facts,
    ...(member.defines ?? []),
  ];
  const object = join(setting.scratch, `${member.name}.o`);
  await compile(member, [...defines, 'MEASURE_ONLY'], object, setting);
  const sizes = await measureFunctions(object, prefix);
  await compile(member, [...defines, ...sizes], object, setting);

  const missing = await missingImport(member, object, renames, setting.image);
  return missing ?? { member, object, renames };
}

/** What a source says it shows: its first line, without the comment's marks. */
export function readShows(member: Member, sources: string): string {
  const [firstLine = ''] = readFileSync(join(sources, member.source), 'utf8').split('\n');
  const shows = /^\/\* (.+) \*\/$/.exec(firstLine)?.[1];
  if (shows === undefined) throw new InternalError(`${member.source} does not start with its line`);
  return shows;
}

/** C identifier that all symbols of a payload start with. */
function symbolPrefix(member: Member): string {
  return member.name.replaceAll('-', '_');
}

function chooseImports(member: Member, image: ImageFacts): ReadonlyMap<string, string> | string {
  const renames = new Map<string, string>();
  for (const [name, candidates] of Object.entries(member.imports ?? {})) {
    const found = candidates.find((candidate) => image.symbol(candidate) !== undefined);
    if (found === undefined) return `the hypervisor has no ${candidates.join(' and no ')}`;
    renames.set(name, found);
  }
  return renames;
}

async function imageDefines(
  member: Member,
  image: ImageFacts,
): Promise<readonly string[] | string> {
  const defines: string[] = [];
  for (const name of member.replaces) {
    const symbol = image.symbol(name);
    if (symbol === undefined) return `the hypervisor has no ${name}`;
    if (symbol.sizeBytes === 0) return `the size of ${name} is not known`;
    const bareName = name.slice(name.indexOf('#') + 1);
    defines.push(`OLD_SIZE_${bareName}=${symbol.sizeBytes}`);
    defines.push(`OLD_ADDR_${bareName}=0x${symbol.address.toString(16)}`);
  }
  const [target] = member.replaces;
  if (member.oldCode === undefined || target === undefined) return defines;

  const straight = await readStraightCode(image, target);
  if (typeof straight === 'string') return straight;
  if (member.oldCode === 'nop-misaligned') {
    const cutsJump = await endsInLongJump(image, target);
    return cutsJump ? defines : `${target} does not end in a five-byte jump that could be cut`;
  }
  const whole = wholeInstructions(straight.lengths);
  const bytes = [...straight.bytes.subarray(0, whole)];
  const others = bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 0xff : byte));
  return [
    ...defines,
    `NOP_SIZE=${whole}`,
    `EXPECT_LEN=${whole}`,
    `EXPECT_BYTES=${bytes.join(',')}`,
    `EXPECT_OTHER_BYTES=${others.join(',')}`,
  ];
}

/** Bytes of as many whole instructions as Xen can keep or compare. */
function wholeInstructions(lengths: readonly number[]): number {
  let total = 0;
  for (const length of lengths) {
    if (total + length > LIVEPATCH_OPAQUE_SIZE) break;
    total += length;
  }
  return total;
}

async function compile(
  member: Member,
  defines: readonly string[],
  object: string,
  setting: CompileSetting,
): Promise<void> {
  const { tools, sources } = setting;
  const flags = [...COMPILE_FLAGS, ...tools.machineFlags, ...defines.map((d) => `-D${d}`)];
  await runTool(tools.gcc, [...flags, '-c', member.source, '-o', object], sources);
}

/** `NEW_SIZE_<function>=<bytes>` for each function in the object. */
async function measureFunctions(object: string, prefix: string): Promise<readonly string[]> {
  const symbols = await runTool('readelf', ['-sW', object]);
  return symbols.split('\n').flatMap((line) => {
    const [, , size, type, , , , name] = line.trim().split(/\s+/);
    if (type !== 'FUNC' || name === undefined || !name.startsWith(`${prefix}_`)) return [];
    return [`NEW_SIZE_${name.slice(prefix.length + 1)}=${size}`];
  });
}

async function missingImport(
  member: Member,
  object: string,
  renames: ReadonlyMap<string, string>,
  image: ImageFacts,
): Promise<string | undefined> {
  if (member.refusedAt === 'upload') return undefined;
  const undefinedSymbols = await runTool('nm', ['-u', '--format=posix', object]);
  for (const line of undefinedSymbols.split('\n')) {
    const [name] = line.trim().split(' ');
    if (name === undefined || name === '') continue;
    const xenName = renames.get(name) ?? name;
    if (image.symbol(xenName) === undefined) return `the hypervisor has no ${xenName}`;
  }
  return undefined;
}
