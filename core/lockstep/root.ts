import { looksLikeElf } from '../elf/index.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import type { FileTree } from '../link/index.js';
import {
  judgeModules,
  type ModuleVerdict,
  type OpenHost,
  openLockstepHost,
  ownFolders,
} from './judge.js';
import { familyVerdicts, needsFamily } from './linked/index.js';
import type { HostReport } from './report.js';
import { type System, systemOf } from './system.js';
import { judgePayloadFolders } from './xen/index.js';

/** Where programs lie. */
const PROGRAM_FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/libexec', '/bin', '/sbin'];
/** What a program is called that loads modules, or that is made for one release of Xen's libraries or libnbd: nothing else is opened. */
const PROGRAMS =
  /^(?:qemu-system-[\w-]+|qemu-(?:img|io|nbd|storage-daemon|kvm)|nbdkit|nbd(?:copy|dump|fuse|info|ublk)|xl|o?xen[\w-]*|flask-[\w-]+|tapdisk)$/;
/** Folders of Xen's own programs, all of which are looked at: one of a release, as Debian has it, and one of all. */
const XEN_PROGRAMS = ['/usr/libexec/xen/bin', '/usr/lib64/xen/bin'];
/** The tools of QEMU open nothing else by themselves. */
const TOOL_MODULES = /^block-/;

/** Hosts with their modules, and what is said of those that could not be read. */
export interface TreeReport {
  readonly hosts: readonly HostReport[];
  readonly findings: readonly Finding[];
}

/**
 * Each program of the tree that loads modules, with the modules that are there for it; each that needs Xen's libraries or
 * libnbd, with those that it loads; each hypervisor, with the payloads that are packaged for it.
 */
export async function judgeTree(tree: FileTree): Promise<TreeReport> {
  const system = systemOf(tree);
  const hosts: HostReport[] = [];
  const findings: Finding[] = [];
  for (const path of programsIn(system)) {
    try {
      const host = openLockstepHost(system, path);
      const report = host === null ? null : reportInTree(host, path);
      if (report !== null) hosts.push(report);
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { code, message, hint } = error;
      findings.push(finding(code, { message, hint, file: path }));
    }
  }
  const payloads = await judgePayloadFolders(tree);
  return {
    hosts: [...hosts, ...payloads.hosts],
    findings: [...findings, ...payloads.findings],
  };
}

/** Null of a program that needs nothing that would have to be of its release. */
function reportInTree(host: OpenHost, path: string): HostReport | null {
  const { facts, file, process, start } = host;
  if (facts.kind !== 'linked') return reportOf(host, path);
  if (file.kind === 'object' && !needsFamily(file)) return null;
  const modules = (process === null ? [] : familyVerdicts(process)).map(
    ({ library, verdict }): ModuleVerdict => ({
      ...verdict,
      file: library.path,
      missingBytes: library.missingBytes,
    }),
  );
  return { host: path, facts, start, modules, isNamed: false, findings: [] };
}

/** A host with the modules of its own folders. */
export function reportOf(host: OpenHost, name: string): HostReport {
  const modules = decisive(host, judgeModules(host, ownModules(host)));
  return {
    host: name,
    facts: host.facts,
    start: host.start,
    modules,
    isNamed: false,
    findings: [],
  };
}

/**
 * Of modules that are in several folders the one that counts: since QEMU 7.2 the first, before the first
 * that is accepted. Nothing of nbdkit is in two of its folders.
 */
function decisive(
  { facts }: OpenHost,
  modules: readonly ModuleVerdict[],
): readonly ModuleVerdict[] {
  if (facts.kind !== 'qemu') return modules;
  const byName = new Map<string, ModuleVerdict>();
  for (const module of modules) {
    const name = module.file.slice(module.file.lastIndexOf('/') + 1);
    const before = byName.get(name);
    const isBetter = before?.outcome !== 'accepted' && module.outcome === 'accepted';
    if (before === undefined || (!facts.hasModuleLoad && isBetter)) byName.set(name, module);
  }
  return [...byName.values()];
}

/** Files in the folders that the host takes its modules from. */
export function ownModules(host: OpenHost): readonly string[] {
  const { facts, system } = host;
  const isTool = facts.kind === 'qemu' && facts.target === null;
  return ownFolders(host).flatMap((folder) =>
    modulesIn(system.tree, folder).filter((path) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      return !isTool || TOOL_MODULES.test(name);
    }),
  );
}

/** The libraries in a folder, in the order of their names. */
export function modulesIn(tree: FileTree, folder: string): readonly string[] {
  return [...tree.list(folder)]
    .filter((name) => /\.so(?:\.[\w.]+)?$/.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** Each program once, whatever links lead to it. One at a time: a tree keeps the file that it read last. */
function* programsIn({ tree }: System): Generator<string, void, undefined> {
  const found = new Set<string>();
  const ofReleases = [...tree.list('/usr/lib')].filter((name) => /^xen(?:-[\d.]+)?$/.test(name));
  const xen = [...XEN_PROGRAMS, ...ofReleases.sort().map((name) => `/usr/lib/${name}/bin`)];
  for (const folder of [...PROGRAM_FOLDERS, ...xen]) {
    const isWanted = (name: string) => xen.includes(folder) || PROGRAMS.test(name);
    for (const name of [...tree.list(folder)].filter(isWanted).sort()) {
      const real = tree.real(`${folder}/${name}`);
      // Debian puts a script in the place of an emulator that another one stands in for.
      if (real === null || found.has(real) || !looksLikeElf(tree.read(real))) continue;
      found.add(real);
      yield real;
    }
  }
}
