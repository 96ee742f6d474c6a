import { type BuildId, parseBuildId } from '../../abi/ids.js';
import { check, targetOfImage } from '../../check/index.js';
import { type Finding, finding, XspliceError } from '../../findings/index.js';
import { type HypervisorImage, readImage } from '../../image/index.js';
import type { FileTree } from '../../link/index.js';
import { type InputFile, inputFile, readInputs } from '../../payload/index.js';
import type { HostReport } from '../report.js';
import { ACCEPTED } from '../verdict.js';
import { payloadVerdicts } from './verdict.js';

/** Where XCP-ng packages payloads: a folder for each hypervisor, called as its build-id. */
const PAYLOAD_FOLDER = '/usr/lib/xen-livepatch';
const PAYLOAD = /\.livepatch$/;
/** Where hypervisors lie. */
const IMAGE_FOLDERS = ['/boot', '/usr/lib/debug', '/usr/lib/debug/boot'];
const IMAGE = /^xen(?!.*\.(?:config|cfg|map|conf|sig)$)/;
/** Shorter names of folders are no ids. */
const ID_DIGITS = 32;

/** Payloads of a tree for one hypervisor. */
interface PayloadGroup {
  /** Null where neither their folder nor they themselves say it. */
  readonly hypervisor: BuildId | null;
  readonly inputs: readonly InputFile[];
}

/** Each hypervisor of the tree that has payloads in it, as check says; and payloads of which the hypervisor is not there. */
export async function judgePayloadFolders(tree: FileTree): Promise<{
  readonly hosts: readonly HostReport[];
  readonly findings: readonly Finding[];
}> {
  const groups = payloadGroups(tree);
  if (groups.length === 0) return { hosts: [], findings: [] };
  const { images, findings } = imagesIn(tree);
  const hosts: HostReport[] = [];
  const lost: Finding[] = [];
  for (const group of groups) {
    const image = imageFor(group, images);
    if (image === null) lost.push(hypervisorAbsent(group));
    else hosts.push(await reportOf(image, group));
  }
  return { hosts, findings: [...findings, ...lost] };
}

async function reportOf(image: HypervisorImage, { inputs }: PayloadGroup): Promise<HostReport> {
  const report = await check(inputs, targetOfImage(image));
  return {
    host: image.file,
    facts: { kind: 'xen' },
    start: ACCEPTED,
    modules: payloadVerdicts(report),
    isNamed: true,
    findings: report.findings,
  };
}

/** Files of a folder that is called as a build-id belong to that; of others each says it itself. */
function payloadGroups(tree: FileTree): readonly PayloadGroup[] {
  const groups = new Map<BuildId | null, Map<string, InputFile>>();
  const add = (hypervisor: BuildId | null, path: string) => {
    const real = tree.real(path);
    if (real === null) return;
    const inputs = groups.get(hypervisor) ?? new Map<string, InputFile>();
    // XCP-ng has the newest of a folder under a second name.
    if (!inputs.has(real)) inputs.set(real, inputFile(real, tree.read(real)));
    groups.set(hypervisor, inputs);
  };
  for (const name of [...tree.list(PAYLOAD_FOLDER)].sort()) {
    const path = `${PAYLOAD_FOLDER}/${name}`;
    const named = idNamed(name);
    if (PAYLOAD.test(name)) add(idWithin(tree, path), path);
    for (const file of tree.list(path).filter((one) => PAYLOAD.test(one))) {
      add(named ?? idWithin(tree, `${path}/${file}`), `${path}/${file}`);
    }
  }
  return [...groups].map(([hypervisor, inputs]) => ({ hypervisor, inputs: [...inputs.values()] }));
}

function idNamed(name: string): BuildId | null {
  return name.length >= ID_DIGITS && /^(?:[0-9a-f]{2})+$/i.test(name) ? parseBuildId(name) : null;
}

/** The hypervisor that the payload says it is for; null where it says none or cannot be read. */
function idWithin(tree: FileTree, path: string): BuildId | null {
  const real = tree.real(path);
  if (real === null) return null;
  const [payload] = readInputs([inputFile(real, tree.read(real))]).payloads;
  return payload?.planned.xenDepends ?? null;
}

/** Each hypervisor once, the file with the most to tell of it first. */
function imagesIn(tree: FileTree): {
  readonly images: readonly HypervisorImage[];
  readonly findings: readonly Finding[];
} {
  const files = IMAGE_FOLDERS.flatMap((folder) =>
    [...tree.list(folder)].filter((name) => IMAGE.test(name)).map((name) => `${folder}/${name}`),
  );
  const places = files.map((path) => tree.real(path)).filter((real) => real !== null);
  const images: HypervisorImage[] = [];
  const findings: Finding[] = [];
  for (const real of [...new Set(places)].sort()) {
    try {
      images.push(readImage(tree.read(real), real));
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { code, message, hint } = error;
      // Other files are called so too.
      if (code !== 'not-an-image') findings.push(finding(code, { message, hint, file: real }));
    }
  }
  const worth = { symtab: 2, embedded: 1, none: 0 } as const;
  const worthOf = ({ symbolSource }: HypervisorImage) => worth[symbolSource ?? 'none'];
  return { images: images.sort((one, other) => worthOf(other) - worthOf(one)), findings };
}

/** Without an id, the only hypervisor that there is. */
function imageFor(
  { hypervisor }: PayloadGroup,
  images: readonly HypervisorImage[],
): HypervisorImage | null {
  const idOf = ({ buildIds }: HypervisorImage) => buildIds[0]?.id ?? null;
  const [first = null] = images;
  if (hypervisor !== null) return images.find((image) => idOf(image) === hypervisor) ?? null;
  const isOnly = first !== null && images.every((image) => idOf(image) === idOf(first));
  return isOnly && idOf(first) !== null ? first : null;
}

function hypervisorAbsent({ hypervisor, inputs }: PayloadGroup): Finding {
  const [first, ...others] = inputs.map(({ file }) => file);
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const whose = hypervisor === null ? 'do not say for which' : `are for ${hypervisor}`;
  return finding('lockstep-hypervisor-absent', {
    message: `${first}${more}: no hypervisor of the tree takes them: they ${whose}`,
    ...(first === undefined ? {} : { file: first }),
    ...(others.length === 0 ? {} : { otherFiles: others }),
  });
}
