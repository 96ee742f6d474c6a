import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { check, targetOfImage } from '../../core/check/index.js';
import { EXIT, type Finding, finding, XspliceError } from '../../core/findings/index.js';
import { openImage, readPayloadFiles } from '../../core/inputs/index.js';
import {
  ACCEPTED,
  type HostKind,
  type HostReport,
  hostText,
  judgeModules,
  judgeTree,
  lockstepReport,
  modulesIn,
  type OpenHost,
  openLockstepHost,
  payloadVerdicts,
  reportOf,
  systemOf,
  undecided,
} from '../../core/lockstep/index.js';
import { withExplanations } from '../explanations.js';
import { RootedTree } from '../file-tree.js';
import { openProcess, processesCalled, type RunningProcess, whileItRuns } from '../processes.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import type { Settings } from '../settings.js';
import { usage } from '../usage.js';
import { lockstepFields, renderLockstep } from '../views/lockstep.js';

interface Judged {
  readonly hosts: readonly HostReport[];
  readonly findings: readonly Finding[];
}

/** Programs of which a running process may load modules later. */
const LOADING = /^(?:qemu-.*|kvm|nbdkit)$/;

/** Says what other programs of a host do with the modules that are there for them. */
export async function run({ settings, output }: Session): Promise<number> {
  const { hosts, findings } = await judge(settings);
  const made = lockstepReport(hosts, findings);
  const report = { ...made, findings: withExplanations(settings, made.findings) };
  output.document(lockstepFields(report));
  if (output.quiet) output.findings(report.findings);
  else output.data(renderLockstep(report, output.style, output.verbose));
  if (report.ok) return EXIT.done;
  const isDecided = ({ outcome }: { readonly outcome: string }) =>
    outcome === 'refused' || outcome === 'fatal';
  const errors = report.findings.filter(({ severity }) => severity === 'error');
  const isRejected = report.hosts.some(({ modules, start, facts }) => {
    // What a hypervisor refuses may have a finding that says more than that it does.
    const isToldOf = ({ reason, file }: (typeof modules)[number]) =>
      errors.some(
        ({ code, file: of, otherFiles = [] }) =>
          code === reason || (facts.kind === 'xen' && [of, ...otherFiles].includes(file)),
      );
    return isDecided(start) || modules.some((one) => isDecided(one) && isToldOf(one));
  });
  return isRejected ? EXIT.rejected : EXIT.failed;
}

async function judge(settings: Settings): Promise<Judged> {
  const { words, running, root, as } = settings;
  const [host, ...modules] = words;
  if (running) {
    if (host !== undefined || root !== null) {
      throw usage('--running takes no HOST and no --root: it looks at all that runs here');
    }
    return judgeRunning();
  }
  if (host === undefined) {
    if (root === null) {
      throw usage(
        'lockstep needs to know the host',
        'Name a program, a library, pid:N or a hypervisor image; or use --running or --root DIR.',
      );
    }
    const { hosts, findings } = await judgeTree(new RootedTree(folder(root)));
    const isNothing = hosts.length === 0 && findings.length === 0;
    return { hosts, findings: isNothing ? [noHosts(root)] : findings };
  }
  const kind = as === 'auto' ? null : as;
  const pid = /^pid:(\d+)$/.exec(host)?.[1];
  if (pid !== undefined) {
    if (root !== null) throw usage('pid:N has its own root: --root is for files');
    return { hosts: [judgeProcess(Number(pid), modules, kind)], findings: [] };
  }
  return { hosts: [await judgeFile(host, modules, { root, kind, settings })], findings: [] };
}

/** Files are named as on this machine; with --root as in that root. */
async function judgeFile(
  host: string,
  modules: readonly string[],
  {
    root,
    kind,
    settings,
  }: { readonly root: string | null; readonly kind: HostKind | null; readonly settings: Settings },
): Promise<HostReport> {
  const tree = new RootedTree(root === null ? '/' : folder(root));
  const place = (path: string) => (root === null ? resolve(path) : resolve('/', path));
  const path = place(host);
  if (tree.real(path) === null) {
    // Says what is there instead.
    if (existsSync(tree.onDisk(path)))
      throw new XspliceError('not-a-file', `${host} is no regular file`);
    throw new XspliceError('file-not-found', `${host} does not exist`);
  }
  const system = systemOf(tree);
  const opened = openLockstepHost(system, path, kind);
  if (opened === null) return judgeHypervisor(host, modules, settings);
  return judged(opened, host, modules, place);
}

/** Its own modules where none are named. */
function judged(
  host: OpenHost,
  name: string,
  modules: readonly string[],
  place: (path: string) => string,
): HostReport {
  if (modules.length === 0) return reportOf(host, name);
  const { tree } = host.system;
  const paths = modules.flatMap((word) => {
    const path = place(word);
    if (tree.real(path) !== null) return [path];
    const files = ['', '/filters', '/plugins'].flatMap((below) => modulesIn(tree, path + below));
    if (files.length > 0) return files;
    throw new XspliceError('file-not-found', `${word} is no file, and no folder with libraries`);
  });
  const verdicts = judgeModules(host, paths);
  const { facts, start } = host;
  return { host: name, facts, start, modules: verdicts, isNamed: true, findings: [] };
}

async function judgeHypervisor(
  image: string,
  modules: readonly string[],
  settings: Settings,
): Promise<HostReport> {
  if (settings.root !== null) throw usage('A hypervisor image is named without --root');
  if (modules.length === 0) throw usage('A hypervisor image needs payloads to be judged with it');
  const { inputs, findings } = readPayloadFiles(modules);
  const report = await check(
    inputs,
    targetOfImage(openImage(image), { release: releaseOf(settings.xen) }),
    findings,
  );
  return {
    host: image,
    facts: { kind: 'xen' },
    start: ACCEPTED,
    modules: payloadVerdicts(report),
    isNamed: true,
    findings: report.findings,
  };
}

/** Whatever runs here and may load modules, with what is on disk now. */
function judgeRunning(): Judged {
  const hosts: HostReport[] = [];
  const findings: Finding[] = [];
  for (const pid of processesCalled(LOADING)) {
    try {
      hosts.push(judgeProcess(pid, [], null));
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { code, message, hint } = error;
      // One that ended meanwhile loads nothing any more.
      if (code !== 'lockstep-no-process') findings.push(finding(code, { message, hint }));
    }
  }
  const isNothing = hosts.length === 0 && findings.length === 0;
  return { hosts, findings: isNothing ? [noHosts('this machine')] : findings };
}

function judgeProcess(pid: number, modules: readonly string[], kind: HostKind | null): HostReport {
  const name = `pid:${pid}`;
  const running = openProcess(pid);
  return whileItRuns(pid, () => {
    const host = openLockstepHost(systemOf(running.tree, running.env), running.path, kind);
    if (host === null) throw new XspliceError('lockstep-host-unknown', `${name} is no host`);
    const report = judged(host, name, modules, (path) => resolve('/', path));
    return processReport(running, report);
  });
}

/** What is to be said of a process beyond its modules. */
function processReport(
  { pid, path, isReplaced, unreadable }: RunningProcess,
  report: HostReport,
): HostReport {
  const [lost] = unreadable;
  if (lost !== undefined) {
    const why = `${lost}, which process ${pid} has mapped, is gone from disk and may not be read`;
    const modules = report.modules.map((one) => ({ ...one, ...undecided(why) }));
    return { ...report, modules };
  }
  const isOutdated = isReplaced && report.modules.some(({ outcome }) => outcome !== 'accepted');
  if (!isOutdated) return report;
  const message = `Process ${pid} runs ${hostText(report.facts)} from ${path}, which was replaced since`;
  return { ...report, findings: [finding('lockstep-process-outdated', { message, file: path })] };
}

function noHosts(where: string): Finding {
  return finding('lockstep-no-hosts', {
    message: `${where} has no program that would be in lockstep with something`,
  });
}

function folder(path: string): string {
  const place = resolve(path);
  if (!existsSync(place)) throw new XspliceError('file-not-found', `${path} does not exist`);
  if (!statSync(place).isDirectory()) throw new XspliceError('not-a-file', `${path} is no folder`);
  return place;
}
