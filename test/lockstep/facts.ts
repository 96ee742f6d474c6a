import type { LockstepVerdict } from '../../core/lockstep/index.js';
import { answerStart, type LinkedSide, type StartFacts } from '../../core/lockstep/linked/index.js';
import {
  answerNbdkit,
  type NbdkitFacts,
  type NbdkitHost,
  type Role,
} from '../../core/lockstep/nbdkit/index.js';
import {
  loadModule,
  type ModuleOpener,
  type OpenedModule,
  type QemuHost,
} from '../../core/lockstep/qemu/index.js';

/** What a verdict was made of, as JSON: the rules can be asked again without the files. */
export type PairFacts =
  | {
      readonly kind: 'qemu';
      readonly host: QemuHost;
      readonly path: string;
      /** Where modules before it were found, and what came of opening each file. */
      readonly found: Readonly<Record<string, string | null>>;
      readonly opened: Readonly<Record<string, OpenedModule>>;
    }
  | {
      readonly kind: 'nbdkit';
      readonly host: NbdkitHost;
      readonly path: string;
      readonly role: Role;
      readonly facts: NbdkitFacts;
    }
  | { readonly kind: 'linked'; readonly side: LinkedSide; readonly facts: StartFacts };

/** The verdict that these facts lead to. */
export function verdictOf(facts: PairFacts): LockstepVerdict {
  switch (facts.kind) {
    case 'qemu':
      return loadModule(facts.host, facts.path, {
        find: (name) => facts.found[name] ?? null,
        open: (path) => {
          const opened = facts.opened[path];
          if (opened === undefined) throw new Error(`${path} was not opened when it was recorded`);
          return opened;
        },
      });
    case 'nbdkit':
      return answerNbdkit(facts.host, facts.path, facts.role, facts.facts);
    case 'linked':
      return answerStart(facts.facts, facts.side);
  }
}

/** Asks an opener and keeps what it says: of a scope, the module and what has a stamp or a mark. */
export function recordQemu(host: QemuHost, path: string, opener: ModuleOpener): PairFacts {
  const found: Record<string, string | null> = {};
  const opened: Record<string, OpenedModule> = {};
  loadModule(host, path, {
    find: (name) => {
      const place = opener.find(name);
      found[name] = place;
      return place;
    },
    open: (file, isGlobal) => {
      const done = opener.open(file, isGlobal);
      opened[file] =
        done.kind === 'failed'
          ? done
          : {
              kind: 'opened',
              scope: done.scope.filter(
                (one, at) => at === 0 || one.isModule || one.stamps.length > 0,
              ),
            };
      return done;
    },
  });
  const concerned = new Set([...Object.keys(found), path.replace(/^.*\/|\.so$/g, '')]);
  const modules = host.modules?.filter((one) => concerned.has(one.name)) ?? null;
  return { kind: 'qemu', host: { ...host, modules, folders: [] }, path, found, opened };
}

/** As JSON without a Set, which it has no form for. */
export function encodeFacts(facts: PairFacts): string {
  return JSON.stringify(facts, (_key, value: unknown) => {
    if (value instanceof Set) return { set: [...value] };
    return typeof value === 'bigint' ? { bigint: String(value) } : value;
  });
}

export function decodeFacts(text: string): PairFacts {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('set' in value && Array.isArray(value.set)) return new Set(value.set);
    return 'bigint' in value ? BigInt(String(value.bigint)) : value;
  });
}
