import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import {
  hasCompiler,
  makeFilter,
  makeModule,
  makeNbdkit,
  makePlugin,
  makeQemu,
  NBDKIT_FOLDER,
  OTHER_STAMP,
  QEMU_FOLDER,
} from '../support/fake-hosts.js';

const skip = hasCompiler && process.arch === 'x64' ? false : 'no gcc for x86-64 here';
const QEMU = '/usr/bin/qemu-system-x86_64';
const NBDKIT = '/usr/bin/nbdkit';

interface Module {
  readonly file: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly says: string | null;
  readonly expected: string | null;
  readonly actual: string | null;
  readonly older: string | null;
  readonly missingBytes: number;
}
interface Host {
  readonly host: string;
  readonly kind: string;
  readonly version: string | null;
  readonly start: Module;
  readonly modules: readonly Module[];
}

async function ask(...words: readonly string[]) {
  const result = await runCli(['lockstep', ...words, '--json']);
  const document = documentOf(result);
  const hosts = (document['hosts'] ?? []) as readonly Host[];
  const findings = (document['findings'] ?? []) as readonly { code: string; severity: string }[];
  return { code: result.code, document, hosts, findings, codes: findings.map(({ code }) => code) };
}

/** The one verdict on one module. */
async function judge(root: string, host: string, module: string) {
  const { code, hosts } = await ask('--root', root, host, module);
  const [only] = hosts[0]?.modules ?? [];
  assert.ok(only !== undefined);
  return { ...only, exit: code };
}

describe('lockstep with QEMU', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'xsplice-lockstep-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  if (skip === false) {
    makeQemu(root);
    for (const name of ['block-ssh', 'block-curl', 'ui-opengl', 'ui-gtk', 'accel-tcg-i386']) {
      makeModule(root, name);
    }
  }
  const path = (name: string) => `${QEMU_FOLDER}/${name}.so`;
  const put = (name: string, options: Parameters<typeof makeModule>[2]) => {
    makeModule(root, name, { folder: `/x/${name}`, ...options });
    return `/x/${name}/${name}.so`;
  };

  it('takes the modules of its own build', async () => {
    const { code, hosts, document } = await ask('--root', root);
    assert.equal(code, 0);
    assert.equal(document['ok'], true);
    const [host] = hosts;
    assert.equal(host?.version, '7.2.22');
    assert.deepEqual(
      host?.modules.map(({ outcome, reason }) => reason ?? outcome),
      ['qemu-other-target', ...['accepted', 'accepted', 'accepted', 'accepted']],
    );
  });

  it('refuses one of another build, and dies of the next', async () => {
    const module = put('block-ssh', { stamp: OTHER_STAMP });
    const { outcome, reason, says, actual, exit } = await judge(root, QEMU, module);
    assert.equal(outcome, 'fatal');
    assert.equal(reason, 'qemu-next-load-aborts');
    assert.equal(exit, 3);
    assert.equal(actual, OTHER_STAMP);
    assert.equal(
      says,
      `failed to initialize module: ${module}\nOnly modules from the same build can be loaded.`,
    );
    const text = await runCli(['lockstep', '--root', root, QEMU, module, '--explain']);
    assert.match(text.stdout, /fatal/);
    assert.match(text.stdout, /asserts to be empty/);
  });

  it('only refuses it where it registers nothing, and before 7.2', async () => {
    const quiet = put('block-quiet', { stamp: OTHER_STAMP, constructors: false });
    assert.equal((await judge(root, QEMU, quiet)).reason, 'qemu-other-build');
    const old = mkdtempSync(join(tmpdir(), 'xsplice-lockstep-'));
    makeQemu(old, { hasModuleLoad: false });
    makeModule(old, 'block-ssh', { stamp: OTHER_STAMP });
    const { reason, says } = await judge(old, QEMU, path('block-ssh'));
    assert.equal(reason, 'qemu-other-build');
    assert.match(says ?? '', /^Failed to initialize module/);
    rmSync(old, { recursive: true });
  });

  it('believes a forged stamp, as QEMU does', async () => {
    const module = put('block-forged', { stamp: OTHER_STAMP });
    const bytes = readFileSync(join(root, module));
    const at = bytes.indexOf(OTHER_STAMP);
    bytes.write(OTHER_STAMP.replaceAll('b2', 'a1'), at);
    // The hash of the name stays that of the old one: the linker would not find it by the table.
    writeFileSync(join(root, module), bytes);
    assert.equal((await judge(root, QEMU, module)).outcome, 'accepted');
  });

  it('gives up a module whose dependency is of another build', async () => {
    mkdirSync(join(root, '/y'), { recursive: true });
    cpSync(join(root, path('ui-gtk')), join(root, '/y/ui-gtk.so'));
    makeModule(root, 'ui-opengl', { folder: '/y', stamp: OTHER_STAMP });
    const { reason, says } = await judge(root, QEMU, '/y/ui-gtk.so');
    assert.equal(reason, 'qemu-next-load-aborts');
    assert.match(says ?? '', /\/y\/ui-opengl\.so/);
  });

  it('says what the dynamic linker will', async () => {
    const symbol = put('block-curl', {
      more: 'extern int gone(void); int f(void) { return gone(); }',
    });
    const { reason, says } = await judge(root, QEMU, symbol);
    assert.equal(reason, 'link-symbol-missing');
    assert.equal(says, `failed to open module: ${symbol}: undefined symbol: gone`);
    const foreign = put('hw-other', {
      more: 'extern int gone(void); int f(void) { return gone(); }',
    });
    assert.equal((await judge(root, QEMU, foreign)).reason, 'qemu-other-program');
  });

  it('reads modules without section headers', async () => {
    const module = put('block-stripped', {});
    const bytes = readFileSync(join(root, module));
    bytes.fill(0, 40, 48);
    bytes.fill(0, 58, 64);
    writeFileSync(join(root, module), bytes);
    assert.equal((await judge(root, QEMU, module)).outcome, 'accepted');
  });

  it('has a verdict for every cut of a file', async () => {
    const module = put('block-cut', {});
    const whole = readFileSync(join(root, module));
    const seen = new Set<string>();
    for (const size of [0, 1, 63, 64, 300, 4095, 4096, 8191, 12288, whole.length - 1]) {
      writeFileSync(join(root, module), whole.subarray(0, size));
      const { outcome, reason, exit } = await judge(root, QEMU, module);
      seen.add(reason ?? outcome);
      assert.ok([0, 1, 3].includes(exit ?? -1), `${size}`);
    }
    assert.ok(seen.has('link-file-refused') && seen.has('link-file-kills'), [...seen].join());
  });

  it('refuses what is no library of this machine', async () => {
    const module = put('block-odd', {});
    const whole = readFileSync(join(root, module));
    for (const [offset, value] of [
      [4, 1],
      [5, 2],
      [18, 183],
      [0, 0x20],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes[offset] = value;
      writeFileSync(join(root, module), bytes);
      const { outcome, reason } = await judge(root, QEMU, module);
      assert.deepEqual([outcome, reason], ['refused', 'link-file-refused'], `byte ${offset}`);
    }
  });

  it('never lets a name reach the terminal raw', async () => {
    const place = join(root, '/z');
    mkdirSync(place, { recursive: true });
    copyFileSync(join(root, path('block-ssh')), join(place, 'block-\u001b[31mssh.so'));
    const { stdout } = await runCli(['lockstep', '--root', root, QEMU, '/z', '--verbose']);
    assert.ok(!stdout.includes('\u001b'));
    assert.match(stdout, /block-\\x1b\[31mssh/);
  });

  it('never follows a link out of the root', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'xsplice-outside-'));
    makeModule(outside, 'block-ssh', { folder: '/' });
    mkdirSync(join(root, '/w'), { recursive: true });
    symlinkSync(join(outside, 'block-ssh.so'), join(root, '/w/absolute.so'));
    symlinkSync(`${'../'.repeat(20)}${outside.slice(1)}/block-ssh.so`, join(root, '/w/up.so'));
    const { hosts } = await ask('--root', root, QEMU, '/w');
    assert.deepEqual(
      hosts[0]?.modules.map(({ outcome }) => outcome),
      ['undecided', 'undecided'],
    );
    rmSync(outside, { recursive: true });
  });

  it('answers a thousand modules', async () => {
    const folder = join(root, '/many');
    mkdirSync(folder);
    for (let at = 0; at < 1000; at++) {
      copyFileSync(join(root, path('block-ssh')), join(folder, `block-${at}.so`));
    }
    const { hosts, code } = await ask('--root', root, QEMU, '/many');
    assert.equal(code, 0);
    assert.equal(hosts[0]?.modules.length, 1000);
  });

  it('does not judge hosts of another machine', async (t) => {
    const tree = temporaryFolder(t);
    const program = makeQemu(tree);
    const bytes = readFileSync(program);
    bytes[18] = 183;
    writeFileSync(program, bytes);
    const bare = await ask('--root', tree);
    assert.deepEqual([bare.code, bare.codes], [1, ['lockstep-undecided']]);
    makeModule(tree, 'block-ssh');
    const { code, codes, hosts } = await ask('--root', tree);
    assert.deepEqual([code, codes], [1, ['lockstep-undecided']]);
    assert.match(hosts[0]?.modules[0]?.actual ?? '', /another machine; only x86-64 is judged/);
    bytes[4] = 1;
    writeFileSync(program, bytes);
    const narrow = await ask('--root', tree);
    assert.deepEqual([narrow.code, narrow.codes], [1, ['lockstep-host-unknown']]);
    bytes[4] = 2;
    bytes[5] = 2;
    writeFileSync(program, bytes);
    const big = await ask('--root', tree);
    assert.deepEqual([big.code, big.codes], [1, ['lockstep-host-unknown']]);
  });

  it('says of a damaged host that it cannot be read', async () => {
    const damaged = mkdtempSync(join(tmpdir(), 'xsplice-lockstep-'));
    const program = makeQemu(damaged);
    truncateSync(program, 200);
    const { code, codes } = await ask('--root', damaged);
    assert.deepEqual([code, codes], [1, ['lockstep-host-unknown']]);
    rmSync(damaged, { recursive: true });
  });
});

describe('lockstep with nbdkit', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'xsplice-lockstep-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  if (skip === false) makeNbdkit(root);
  const judgeFile = (file: string) => judge(root, NBDKIT, file.slice(root.length));

  it('takes a filter of its very version', async () => {
    assert.equal((await judgeFile(makeFilter(root, 'one'))).outcome, 'accepted');
    const other = await judgeFile(makeFilter(root, 'two', { version: '1.24.1' }));
    assert.equal(other.reason, 'nbdkit-other-version');
    assert.deepEqual([other.expected, other.actual, other.older], ['1.32.5', '1.24.1', 'module']);
    assert.match(other.says ?? '', /\(_version = 1\.24\.1, need 1\.32\.5\)$/);
    const api = await judgeFile(makeFilter(root, 'three', { api: 5 }));
    assert.equal(api.reason, 'nbdkit-other-api');
    assert.match(api.says ?? '', /\(_api_version = 5, need 6\)$/);
  });

  it('takes a plugin that has what it needs', async () => {
    assert.equal((await judgeFile(makePlugin(root, 'all'))).outcome, 'accepted');
    const none = await judgeFile(makePlugin(root, 'none', { slots: [88, 104] }));
    assert.equal(none.reason, 'nbdkit-callback-missing');
    assert.match(none.says ?? '', /plugin must have a \.pread callback$/);
    assert.equal((await judgeFile(makePlugin(root, 'api', { api: 3 }))).reason, 'nbdkit-other-api');
    const short = await judgeFile(makePlugin(root, 'short', { size: 100 }));
    assert.match(short.says ?? '', /\.get_size callback$/);
  });

  it('says which callbacks are not seen', async () => {
    const slots = [88, 104, 216, 392];
    const loss = await judgeFile(makePlugin(root, 'later', { size: 512, slots }));
    assert.deepEqual([loss.outcome, loss.exit], ['accepted-with-loss', 0]);
    assert.equal(loss.actual, 'one at 392');
  });

  it('does not guess what it does not follow', async () => {
    const loop = 'for (volatile int i = 0; i < 9; i++) {} plugin.size = 384; return &plugin;';
    const lost = await judgeFile(makePlugin(root, 'loop', { body: loop }));
    assert.deepEqual([lost.outcome, lost.exit], ['undecided', 1]);
    const filled =
      '__attribute__((constructor)) static void a(void) { plugin.calls[10] = open_it; }';
    const both = `${filled} __attribute__((constructor)) static void b(void) { plugin.calls[8] = open_it; }`;
    const made = await judgeFile(makePlugin(root, 'made', { slots: [], more: both }));
    assert.equal(made.outcome, 'undecided');
    const filledAlone = await judgeFile(makePlugin(root, 'alone', { slots: [], more: filled }));
    assert.equal(
      filledAlone.outcome,
      'undecided',
      'one constructor, in a library without crtbegin.o',
    );
    const none = await judgeFile(makePlugin(root, 'null', { body: 'return 0;' }));
    assert.equal(none.reason, 'nbdkit-registration-failed');
  });

  it('takes no filter for a plugin', async () => {
    const file = makeFilter(root, 'odd');
    const place = `${NBDKIT_FOLDER}/plugins/nbdkit-odd-plugin.so`;
    copyFileSync(file, join(root, place));
    const { reason, says } = await judge(root, NBDKIT, place);
    assert.equal(reason, 'nbdkit-no-entry');
    assert.match(says ?? '', /undefined symbol: plugin_init$/);
  });
});

describe('lockstep with a process', { skip }, () => {
  it('reads one that runs, and its program', async () => {
    const { hosts, code } = await ask(`pid:${process.pid}`);
    assert.equal(code, 0);
    assert.deepEqual([hosts[0]?.kind, hosts[0]?.start.outcome], ['linked', 'accepted']);
  });

  it('has words for one that is not there, or ends', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await new Promise((resolve) => child.on('close', resolve));
    const { code, document } = await ask(`pid:${child.pid}`);
    assert.equal(code, 1);
    assert.match(JSON.stringify(document['error']), /lockstep-no-process/);
  });

  it('looks at all that runs here', async () => {
    const { code, document } = await ask('--running');
    // What runs here is not the test's business; that it is asked and ends in words is.
    assert.ok([0, 1, 3].includes(code ?? -1));
    assert.ok('hosts' in document);
  });
});

describe('lockstep', () => {
  it('asks check about payloads', async () => {
    const { code, hosts } = await ask(DEMO_IMAGE, demo('hello'), demo('too-small'));
    assert.equal(code, 3);
    assert.equal(hosts[0]?.kind, 'xen');
    assert.deepEqual(
      hosts[0]?.modules.map(({ outcome }) => outcome),
      ['accepted', 'refused'],
    );
  });

  it('finds nothing in an empty root', async (t) => {
    const { code, codes } = await ask('--root', temporaryFolder(t));
    assert.deepEqual([code, codes], [0, ['lockstep-no-hosts']]);
  });

  it('knows what it is not asked', async (t) => {
    const folder = temporaryFolder(t);
    const text = join(folder, 'text');
    writeFileSync(text, 'no program');
    for (const [words, code, what] of [
      [[], 64, 'usage'],
      [['--running', '--root', folder], 64, 'usage'],
      [[DEMO_IMAGE], 64, 'usage'],
      [[text], 1, 'lockstep-host-unknown'],
      [[join(folder, 'gone')], 1, 'file-not-found'],
      [[folder], 1, 'not-a-file'],
      [[process.execPath, '--as', 'qemu'], 1, 'lockstep-host-unknown'],
      [['--root', join(folder, 'gone')], 1, 'file-not-found'],
    ] as const) {
      const answer = await ask(...words);
      assert.equal(answer.code, code, words.join(' '));
      assert.match(JSON.stringify(answer.document['error']), new RegExp(`"${what}"`));
    }
  });
});
