import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from './support/repository.js';

/**
 * What each part of core may import; a part may always import itself. The order is the order of the house:
 * a part stands above all that it imports. A permission that nobody uses fails the test.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  findings: [],
  abi: ['findings'],
  // Files that are kept, and the lock.
  files: ['findings', 'abi'],
  // A hypervisor in QEMU: knows files and programs, and no live patching.
  boot: ['findings'],
  elf: ['findings'],
  x86: ['findings', 'abi'],
  // The dynamic linker's rules: no Xen, and files only through what is passed in.
  link: ['elf'],
  image: ['findings', 'abi', 'elf'],
  payload: ['findings', 'abi', 'elf'],
  // Who made a payload, and what a policy says: pure.
  signature: ['findings', 'abi'],
  // Files that are named by their paths.
  inputs: ['findings', 'files', 'abi', 'image', 'payload'],
  // Xen's rules know what Xen's interface says and how a finding looks, and nothing else.
  verify: ['findings', 'abi'],
  hazards: ['findings', 'abi', 'elf', 'image', 'payload', 'verify', 'x86'],
  hypervisor: ['files', 'abi', 'verify'],
  'hypervisor/embedded': ['findings', 'files', 'abi', 'verify', 'hypervisor'],
  'hypervisor/xen': ['findings', 'files', 'abi', 'payload', 'hypervisor'],
  // The stack knows payloads and what a host is called, but no verifier and no file.
  stack: ['findings', 'abi', 'payload', 'hypervisor'],
  oldcode: ['findings', 'abi', 'elf', 'x86', 'image', 'payload', 'verify', 'hypervisor', 'stack'],
  host: [
    'findings',
    'files',
    'abi',
    'elf',
    'image',
    'payload',
    'verify',
    'hypervisor',
    'hypervisor/embedded',
    'hypervisor/xen',
  ],
  check: ['findings', 'abi', 'image', 'payload', 'verify', 'hazards', 'stack', 'oldcode', 'host'],
  // Payloads on a real Xen that is booted for it, and what its answers have to do with their verdicts.
  rehearsal: [
    'findings',
    'abi',
    'boot',
    'image',
    'payload',
    'verify',
    'hypervisor',
    'hypervisor/xen',
  ],
  difference: ['elf', 'payload'],
  portrait: ['findings', 'image', 'payload', 'verify', 'stack', 'oldcode', 'check'],
  // Other hosts than a hypervisor, by the dynamic linker's rules; of payloads, what check says.
  lockstep: ['findings', 'abi', 'elf', 'x86', 'link', 'image', 'payload', 'verify', 'check'],
  change: [
    'findings',
    'abi',
    'payload',
    'verify',
    'hazards',
    'hypervisor',
    'hypervisor/embedded',
    'stack',
    'oldcode',
    'host',
    'signature',
  ],
  // What a host remembers: payloads, and what was done.
  store: ['findings', 'files', 'abi', 'payload', 'inputs', 'hypervisor', 'stack', 'host', 'change'],
  // What other programs import: names of the parts, and nothing of its own.
  public: [
    'findings',
    'elf',
    'image',
    'payload',
    'signature',
    'inputs',
    'hypervisor',
    'stack',
    'host',
    'check',
    'change',
  ],
};

/** Parts that may touch files, processes and native code. */
const WITH_EFFECTS = ['boot', 'files', 'inputs', 'hypervisor/xen', 'hypervisor/embedded', 'host'];
const EFFECTS = /from '(node:(?:fs|fs\/promises|child_process|net|process|os)|koffi)'/;

const root = repositoryRoot();
const core = join(root, 'core');
const cli = join(root, 'cli');

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** The text of a file without its block comments: examples may print. */
function codeOf(path: string): string {
  return readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
}

/** `verify` for core/verify/stages/placement.ts, `index` for core/index.ts. */
function partOf(path: string): string {
  const [first = '', second = ''] = relative(core, path).split('/');
  const isPart = first === 'hypervisor' && ['embedded', 'xen'].includes(second);
  return isPart ? `hypervisor/${second}` : first.replace(/\.ts$/, '');
}

/** Files that this one imports; with `lazily` those too that it imports when it runs. */
function importsOf(path: string, lazily: boolean): readonly string[] {
  const text = readFileSync(path, 'utf8');
  const statement = lazily ? /(?:from|import\()\s*'(\.[^']*)'/g : /from\s*'(\.[^']*)'/g;
  return [...text.matchAll(statement)].map((match) =>
    resolve(path, '..', (match[1] ?? '').replace(/\.js$/, '.ts')),
  );
}

/** The nodes of each circle of this graph, as text; empty where there is none. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  // What leads to nothing that is left, or is led to by nothing, is in no circle.
  const left = new Map(graph);
  for (let isShrinking = true; isShrinking; ) {
    isShrinking = false;
    const entered = new Set([...left.values()].flat());
    for (const [node, targets] of left) {
      if (entered.has(node) && targets.some((to) => left.has(to))) continue;
      left.delete(node);
      isShrinking = true;
    }
  }
  return [...left].map(
    ([node, targets]) => `${node} → ${targets.filter((to) => left.has(to)).join(', ')}`,
  );
}

describe('imports', () => {
  const ours = [...filesBelow(core), ...filesBelow(cli)];
  const ofCore = filesBelow(core).filter((file) => partOf(file) !== 'index');

  it('point one way', () => {
    assert.ok(ours.length > 150, 'the sources are there');
    const wrong = ofCore.flatMap((file) => {
      const part = partOf(file);
      const allowed = ALLOWED[part];
      assert.ok(allowed !== undefined, `${part} has a line in ALLOWED`);
      return importsOf(file, true)
        .filter((to) => partOf(to) !== part && !allowed.includes(partOf(to)))
        .map((to) => `${relative(core, file)} imports ${relative(core, to)}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('of the rig stay in the rig and in what boots: it boots a Xen for whoever asks', () => {
    const rig = filesBelow(join(root, 'rig'));
    assert.ok(rig.length > 5, 'the rig is there');
    const wrong = rig.flatMap((file) =>
      importsOf(file, true)
        .filter((to) => !to.startsWith(join(root, 'rig/')))
        .filter((to) => to !== join(core, 'boot', 'index.ts'))
        .map((to) => `${relative(root, file)} imports ${relative(root, to)}`),
    );
    assert.deepEqual(wrong, []);
    const fromRig = ours
      .filter((file) => importsOf(file, true).some((to) => to.startsWith(join(root, 'rig/'))))
      .map((file) => relative(root, file));
    assert.deepEqual(fromRig, [], 'the program needs no rig');
  });

  it('use every permission', () => {
    const used = new Set(
      ofCore.flatMap((file) =>
        importsOf(file, true).map((to) => `${partOf(file)} imports ${partOf(to)}`),
      ),
    );
    const unused = Object.entries(ALLOWED).flatMap(([part, allowed]) =>
      allowed.map((to) => `${part} imports ${to}`).filter((line) => !used.has(line)),
    );
    assert.deepEqual(unused, []);
  });

  it('form no circle of files', () => {
    const graph = new Map(
      ours.map((file) => [
        relative(root, file),
        importsOf(file, false).map((to) => relative(root, to)),
      ]),
    );
    assert.deepEqual(circlesOf(graph), []);
  });

  it('form no circle of parts, and each part stands above what it imports', () => {
    const order = Object.keys(ALLOWED);
    const below = order.flatMap((part, place) =>
      (ALLOWED[part] ?? []).filter((to) => order.indexOf(to) >= place).map((to) => [part, to]),
    );
    assert.deepEqual(below, []);
  });

  it('enter a folder by its index, where it has one', () => {
    const wrong = ours.flatMap((file) =>
      importsOf(file, true)
        .filter((to) => {
          const folder = dirname(to);
          const isInside = `${dirname(file)}/`.startsWith(`${folder}/`);
          return !isInside && !to.endsWith('/index.ts') && existsSync(join(folder, 'index.ts'));
        })
        .map((to) => `${relative(root, file)} imports ${relative(root, to)}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('know the process only where the program is started', () => {
    const ofProcess = /\bprocess\.(stdin|stdout|stderr|env|argv|on|once|exitCode|exit)\b/;
    const wrong = ours
      .map((file) => relative(root, file))
      .filter((file) => !['cli/main.ts', 'cli/terminal/signals.ts'].includes(file))
      .filter((file) => ofProcess.test(codeOf(join(root, file))));
    assert.deepEqual(wrong, []);
  });

  it('write to a stream only where everything foreign is made safe', () => {
    const toStream = /\b(stdout|stderr|stream)\.write\(|\bconsole\.(log|error|warn|info)\b/;
    const wrong = ours
      .map((file) => relative(root, file))
      .filter((file) => !['cli/main.ts', 'cli/program.ts', 'cli/terminal/screen.ts'].includes(file))
      .filter((file) => toStream.test(codeOf(join(root, file))));
    assert.deepEqual(wrong, []);
  });

  it('reach files, processes and native code only where those belong', () => {
    const wrong = ofCore
      .filter((file) => !WITH_EFFECTS.includes(partOf(file)))
      .filter((file) => EFFECTS.test(codeOf(file)))
      .map((file) => relative(core, file));
    assert.deepEqual(wrong, []);
  });
});
