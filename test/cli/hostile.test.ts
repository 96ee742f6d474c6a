import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { DEMO_IMAGE, demo, embeddedHost, runCli, temporaryFolder } from '../support/cli.js';
import { HOSTILE_TEXTS, rawIn } from '../support/raw-text.js';

const SHT = { STRTAB: 3, PROGBITS: 1, NOBITS: 8 };
const SHF = { EXECINSTR: 4n, STRINGS: 0x20n };

/** Texts in a payload (names of sections, symbols and functions, metadata): their place and length. */
function textsOf(bytes: Buffer): readonly { readonly at: number; readonly length: number }[] {
  const sections = Number(bytes.readBigUInt64LE(40));
  const found: { at: number; length: number }[] = [];
  for (let index = 0; index < bytes.readUInt16LE(60); index++) {
    const header = sections + index * 64;
    const [type, flags] = [bytes.readUInt32LE(header + 4), bytes.readBigUInt64LE(header + 8)];
    const start = Number(bytes.readBigUInt64LE(header + 24));
    const end = start + Number(bytes.readBigUInt64LE(header + 32));
    const isText = type === SHT.STRTAB || (flags & SHF.STRINGS) !== 0n;
    const isData = type === SHT.PROGBITS && (flags & SHF.EXECINSTR) === 0n && end - start < 4000;
    if (!isText && !isData) continue;
    for (let at = start; at < end; ) {
      const zero = bytes.indexOf(0, at);
      const next = zero < 0 || zero > end ? end : zero;
      if (next - at >= 6) found.push({ at, length: next - at });
      at = next + 1;
    }
  }
  return found;
}

async function look(what: string, words: readonly string[]): Promise<void> {
  const { stdout, stderr } = await runCli(words);
  for (const text of [stdout, stderr]) {
    assert.equal(rawIn(text), null, `${what}: ${words.join(' ')}`);
  }
  if (words.includes('--json')) JSON.parse(stdout);
}

for (const name of ['metadata', 'hook-apply', 'veto-preapply', 'unknown-import']) {
  test(`no text in a payload like ${name} speaks to the terminal, whatever the verb (R6)`, async (t) => {
    const host = await embeddedHost(t);
    const state = host[1].slice('embedded:'.length);
    const folder = temporaryFolder(t);
    const fresh = join(folder, 'fresh');
    cpSync(state, fresh, { recursive: true });
    const original = readFileSync(demo(name));
    const file = join(folder, 'p.livepatch');
    const image = ['--image', DEMO_IMAGE];
    for (const [index, { at, length }] of textsOf(original).entries()) {
      const hostile = HOSTILE_TEXTS[index % HOSTILE_TEXTS.length] ?? Buffer.alloc(0);
      const bytes = Buffer.from(original);
      hostile.copy(bytes, at + Math.max(0, Math.floor((length - hostile.length) / 2)));
      writeFileSync(file, bytes);
      const recorded = join(folder, 'r.livepatch');
      for (const words of [
        ['inspect', file, '--verbose', '--explain'],
        ['inspect', file, '--json'],
        ['check', file, ...image, '--verbose', '--explain', '--check', 'both'],
        ['check', file, ...image, '--json', '--explain'],
        ['plan', file, ...host, '--verbose'],
        ['apply', file, ...host, '--yes', '--verbose', '--nodeps'],
        ['list', ...host, '--verbose'],
        ['list', ...host, '--json'],
        ['which', 'xen_extra_version', ...host],
        ['revert', '--to', 'base', ...host, '--yes', '--verbose', '--json'],
        ['unload', 'p', ...host, '--yes'],
        ['load', file, ...host, '--yes', '--json'],
        ['replace', file, ...host, '--yes'],
        ['upload', file, ...host, '--yes'],
        ['record', file, ...image, '--output', recorded, '--yes'],
      ]) {
        await look(`text ${index} at ${at}`, words);
      }
      rmSync(state, { recursive: true });
      cpSync(fresh, state, { recursive: true });
    }
  });
}

test('no name of a file, host, payload, code or option speaks to the terminal', async (t) => {
  const host = await embeddedHost(t);
  const folder = temporaryFolder(t);
  for (const text of [
    '\u001b[31mred',
    '\u202egpj',
    'a\nb',
    '\u009b2J\r',
    '\u0007\u2028',
    '\ud800',
  ]) {
    const file = join(folder, `${text}.livepatch`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, readFileSync(demo('hello')));
    const image = ['--image', DEMO_IMAGE];
    for (const words of [
      ['inspect', file, '--verbose'],
      ['inspect', file, '--json'],
      ['inspect', join(folder, `nope${text}`)],
      ['check', file, ...image, '--verbose', '--check', 'both'],
      ['check', file, ...image, '--json'],
      ['check', text, '--image', text],
      ['check', file, '--build-id', text],
      ['check', file, '--xen', text, ...image],
      ['check', file, '--check', text],
      ['init', '--image', text, ...host],
      ['plan', file, ...host, '--verbose'],
      ['plan', text, text, ...host],
      ['apply', file, ...host, '--yes', '--verbose'],
      ['apply', text, ...host, '--yes'],
      ['apply', file, '--timeout', text],
      ['list', ...host],
      ['list', ...host, '--json'],
      ['list', '--host', text],
      ['list', '--host', `embedded:${folder}/${text}`],
      ['list', `--${text}`],
      ['which', text, ...host],
      ['revert', text, '--check', 'old-code', ...host, '--yes'],
      ['revert', '--to', text, ...host, '--yes'],
      ['revert', '--to', 'base', ...host, '--yes'],
      ['unload', text, ...host, '--yes', '--json'],
      ['unload', text, ...host, '--yes'],
      ['load', file, ...host, '--yes', '--verbose'],
      ['record', file, ...image, '--output', join(folder, `${text}.out`), '--yes'],
      ['explain', text],
      [text],
    ]) {
      await look(JSON.stringify(text), words);
    }
  }
});
