import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BuildError } from './build-error.js';
import { type CompiledMember, type CompileSetting, compileMember, readShows } from './compile.js';
import type { Member } from './family.js';
import type { ImageFacts } from './image-facts.js';
import { type Depends, linkPayload } from './link.js';
import { type LeftOut, MANIFEST_FORMAT, type Manifest, type ManifestEntry } from './manifest.js';
import { NOWHERE_ID } from './notes.js';
import { ARM64, type Toolchain, toolVersions } from './toolchain.js';

/** What to build, from what, to where. */
export interface FamilyRequest {
  readonly image: ImageFacts;
  readonly members: readonly Member[];
  /** Folder for the payloads; made where it does not exist. */
  readonly out: string;
  /** Folder with the C sources. */
  readonly sources: string;
  readonly payloadVersion: 1 | 2;
  readonly tools: Toolchain;
}

/** Compilers that run at the same time. */
const PARALLEL = 2;

/**
 * Builds members against an image and returns their manifest. Parents have to come before their
 * children. The same sources, image and tools give the same bytes.
 */
export async function buildFamily(request: FamilyRequest): Promise<Manifest> {
  const scratch = mkdtempSync(join(tmpdir(), 'xsplice-build-'));
  try {
    const compiled = await mapParallel(request.members, (member) =>
      compileMember(member, { ...request, scratch } satisfies CompileSetting),
    );
    const payloads: ManifestEntry[] = [];
    const leftOut: LeftOut[] = [];
    for (const [i, member] of request.members.entries()) {
      const object = compiled[i];
      const ids = dependsOf(member, payloads, request.image);
      if (object === undefined || typeof object === 'string' || typeof ids === 'string') {
        const why = typeof object === 'string' ? object : String(ids);
        leftOut.push({ name: member.name, why });
        continue;
      }
      payloads.push(await linkMember(object, ids, request));
    }
    return {
      formatVersion: MANIFEST_FORMAT,
      hypervisor: { buildId: request.image.buildId },
      ...(await toolVersions(request.tools)),
      payloadVersion: request.payloadVersion,
      payloads,
      leftOut,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Writes manifest.json into a folder that exists or is made. */
export function writeManifest(folder: string, manifest: Manifest): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The members asked for and the parents that they need, in the family's order. */
export function selectMembers(
  family: readonly Member[],
  names: readonly string[],
): readonly Member[] {
  const byName = new Map(family.map((member) => [member.name, member]));
  const chosen = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const member = byName.get(name);
    if (member === undefined) {
      throw new BuildError('unknown-member', `The family has no member ${JSON.stringify(name)}`, {
        hint: `Its members are ${[...byName.keys()].join(', ')}.`,
      });
    }
    if (chosen.has(name)) continue;
    chosen.add(name);
    if (typeof member.depends === 'object') queue.push(member.depends.member);
  }
  return family.filter((member) => chosen.has(member.name));
}

function dependsOf(
  member: Member,
  built: readonly ManifestEntry[],
  image: ImageFacts,
): Depends | string {
  const named = { hypervisor: image.buildId, nowhere: NOWHERE_ID, absent: null } as const;
  const xenDepends = named[member.xenDepends];
  if (typeof member.depends === 'string') return { depends: named[member.depends], xenDepends };
  const parentName = member.depends.member;
  const parent = built.find((entry) => entry.name === parentName);
  if (parent === undefined) return `its parent ${parentName} was left out`;
  return { depends: parent.buildId, xenDepends };
}

async function linkMember(
  compiled: CompiledMember,
  ids: Depends,
  request: FamilyRequest,
): Promise<ManifestEntry> {
  const { member } = compiled;
  const folder = member.dangerous === true ? 'dangerous/' : '';
  const file = `${folder}${member.name}.livepatch`;
  const output = join(request.out, file);
  mkdirSync(dirname(output), { recursive: true });
  const buildId = await linkPayload(compiled, ids, output, request.tools);
  const bytes = readFileSync(output);
  return {
    name: member.name,
    file,
    shows: readShows(member, request.sources),
    buildId,
    ...ids,
    replaces: member.replaces,
    machine: request.tools === ARM64 ? 'arm64' : 'x86-64',
    ...(member.refusedAt === undefined ? {} : { refusedAt: member.refusedAt }),
    ...(member.dangerous === true ? { dangerous: true as const } : {}),
    ...(member.note === undefined ? {} : { note: member.note }),
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Maps with a few workers at a time, results in the order of the input. */
async function mapParallel<In, Out>(
  input: readonly In[],
  map: (value: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results = new Map<number, Out>();
  const waiting = input.entries();
  const worker = async () => {
    for (const [i, value] of waiting) results.set(i, await map(value));
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return [...results.entries()].sort(([a], [b]) => a - b).map(([, value]) => value);
}
