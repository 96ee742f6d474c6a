import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RootedTree } from '../../cli/file-tree.js';
import {
  judgeModules,
  type LockstepVerdict,
  type OpenHost,
  openLockstepHost,
  systemOf,
} from '../../core/lockstep/index.js';
import { nbdkitFacts } from '../../core/lockstep/nbdkit/index.js';
import { type Answer, ask } from './chroot.js';
import { missingWords, type Pair, type Planned } from './pair.js';
import { librariesOf, stageAlone } from './stage.js';
import type { Suite } from './suites.js';

const MODULES = '/usr/lib/x86_64-linux-gnu/nbdkit';

/** The nbdkit of each suite with each filter and plugin of each suite. */
export function nbdkitPairs(suites: readonly Suite[]): readonly Planned[] {
  return suites.flatMap((home) => {
    const host = nbdkitOf(home);
    return suites.flatMap((from) =>
      ['filters', 'plugins'].flatMap((kind) =>
        librariesOf(from, `${MODULES}/${kind}`).map((file) => () => {
          const path = stageAlone(home.root, `nbdkit-${kind}`, from.key, file);
          return [pairOf(host, home, `${from.name}/${basename(file, '.so')}`, path)];
        }),
      ),
    );
  });
}

export function nbdkitOf({ root, name }: Suite): OpenHost {
  const program = ['/usr/bin/nbdkit', '/usr/sbin/nbdkit'].find((one) =>
    existsSync(join(root, one)),
  );
  const host =
    program === undefined ? null : openLockstepHost(systemOf(new RootedTree(root)), program);
  if (host === null || host.facts.kind !== 'nbdkit') throw new Error(`${name} has no nbdkit`);
  return host;
}

export function pairOf(host: OpenHost, home: Suite, module: string, path: string): Pair {
  const [verdict] = judgeModules(host, [path]);
  const { facts, process, system } = host;
  if (verdict === undefined || facts.kind !== 'nbdkit' || process === null) {
    throw new Error(`no verdict of ${path}`);
  }
  const words = path.includes('plugin.so')
    ? [path, '--dump-plugin']
    : [`--filter=${path}`, 'null', '--help'];
  return {
    group: `nbdkit ${home.name}`,
    module,
    verdict,
    facts: () => ({
      kind: 'nbdkit',
      host: facts,
      path,
      ...nbdkitFacts(process, path, system.tree),
    }),
    ask: () => ask(home.root, [host.path, ...words]),
    compare: (answer) => compare(verdict, answer),
  };
}

function compare(verdict: LockstepVerdict, answer: Answer): string | null {
  const { code, signal, text } = answer;
  const isKilled = signal === 'SIGBUS' || code === 135;
  if (verdict.reason === 'link-file-kills') return isKilled ? null : `not killed: ${code} ${text}`;
  const isLoaded = code === 0;
  const isAccepted = verdict.outcome.startsWith('accepted');
  if (isAccepted !== isLoaded)
    return `foretold ${verdict.outcome}: ${code ?? signal} ${text.slice(0, 300)}`;
  return missingWords(verdict, answer);
}
