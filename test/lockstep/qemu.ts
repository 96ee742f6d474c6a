import { basename } from 'node:path';
import { RootedTree } from '../../cli/file-tree.js';
import {
  judgeModules,
  type LockstepVerdict,
  type OpenHost,
  openLockstepHost,
  systemOf,
} from '../../core/lockstep/index.js';
import { moduleFolders, moduleOpener } from '../../core/lockstep/qemu/index.js';
import type { Answer } from './chroot.js';
import { ask } from './chroot.js';
import { recordQemu } from './facts.js';
import { missingWords, type Pair, type Planned } from './pair.js';
import { librariesOf, stageAlone } from './stage.js';
import type { Suite } from './suites.js';

const PROGRAMS = ['/usr/bin/qemu-system-x86_64', '/usr/bin/qemu-img'];
export const QEMU_MODULES = '/usr/lib/x86_64-linux-gnu/qemu';

/** Each program of QEMU with each module of each suite and of `older` builds, in a folder by itself. */
export function qemuPairs(
  suites: readonly Suite[],
  older: readonly Suite[],
  preload: string,
): readonly Planned[] {
  return suites.flatMap((home) => {
    const system = systemOf(new RootedTree(home.root));
    return PROGRAMS.flatMap((program) => {
      const host = openLockstepHost(system, program);
      if (host === null || host.facts.kind !== 'qemu') throw new Error(`${program} is no QEMU`);
      return [...suites, ...older].flatMap((from) =>
        librariesOf(from, QEMU_MODULES).map((file) => () => {
          const path = stageAlone(home.root, 'qemu', from.key, file);
          return pairsOf(host, { home, from, program, path, preload });
        }),
      );
    });
  });
}

export interface Where {
  readonly home: Suite;
  readonly from: Suite;
  readonly program: string;
  /** Of the module, in the root of `home`. */
  readonly path: string;
  readonly preload: string;
}

/** The load by itself; and where it is refused for the stamp, the load of a right module after it. */
export function pairsOf(host: OpenHost, where: Where): readonly Pair[] {
  const { home, from, program, path, preload } = where;
  const [verdict] = judgeModules(host, [path]);
  if (verdict === undefined || host.facts.kind !== 'qemu' || host.process === null) return [];
  const { facts, process, system } = host;
  const opener = moduleOpener({ host: facts, process }, path, moduleFolders(facts, system));
  const name = basename(path, '.so');
  const folder = path.slice(0, path.lastIndexOf('/'));
  const load = (names: string) => () =>
    ask(home.root, [program, '--version'], {
      LD_PRELOAD: preload,
      QEMU_MODULE_DIR: folder,
      XSPLICE_MODULES: names,
    });
  const group = `qemu ${home.name} ${basename(program)}`;
  const first: Pair = {
    group,
    module: `${from.name}/${name}`,
    verdict,
    facts: () => recordQemu(facts, path, opener),
    ask: load(name),
    compare: (answer) => compareLoad(verdict, answer, name),
  };
  const isStamp = verdict.says?.includes('nitialize module') === true;
  if (!isStamp || !program.includes('system')) return [first];
  const next = name === 'block-curl' ? 'block-ssh' : 'block-curl';
  const after: Pair = {
    ...first,
    group: `${group}, the next load`,
    ask: load(`${name},${next}`),
    compare: (answer) => compareNext(verdict, answer, next),
  };
  return [first, after];
}

function compareLoad(verdict: LockstepVerdict, answer: Answer, name: string): string | null {
  const happened = whatHappened(answer, name);
  const foretold = whatIsForetold(verdict);
  if (foretold !== happened) return `foretold ${foretold}, it was ${happened}`;
  return missingWords(verdict, answer);
}

function whatIsForetold({ outcome, reason, says }: LockstepVerdict): string {
  if (outcome === 'accepted') return 'loaded';
  if (reason === 'link-file-kills') return 'killed';
  if (reason === 'qemu-dependency-missing') return 'not there';
  if (reason === 'qemu-other-target') return 'another target';
  if (says?.includes('nitialize module') === true) return 'refused by QEMU';
  return 'refused by the linker';
}

function whatHappened({ code, signal, text }: Answer, name: string): string {
  // A shell's way to tell of signals is chroot's and env's too where they stand in between.
  if (signal === 'SIGBUS' || code === 135) return 'killed';
  if (/module arch does not match/.test(text)) return 'another target';
  if (/[Ff]ailed to open module/.test(text)) return 'refused by the linker';
  if (/[Ff]ailed to initialize module/.test(text)) return 'refused by QEMU';
  const result = new RegExp(`^ASKED ${name} (-?\\d+)$`, 'm').exec(text)?.[1];
  if (result === '1' || result === '2') return 'loaded';
  return result === '0' ? 'not there' : `another end: ${code ?? signal} ${text.slice(-200)}`;
}

function compareNext({ outcome }: LockstepVerdict, answer: Answer, next: string): string | null {
  const { code, signal, text } = answer;
  const isAborted = signal === 'SIGABRT' || code === 134;
  const isLoaded = new RegExp(`^ASKED ${next} [12]$`, 'm').test(text);
  if (outcome === 'fatal') {
    const isIt = isAborted && text.includes('QTAILQ_EMPTY(&dso_init_list)');
    return isIt ? null : `foretold an abort: ${code ?? signal} ${text.slice(-200)}`;
  }
  return isLoaded
    ? null
    : `foretold that the next one loads: ${code ?? signal} ${text.slice(-200)}`;
}
