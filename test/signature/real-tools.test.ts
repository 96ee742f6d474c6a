import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  answersOf,
  readSecretKey,
  readTrustedKey,
  type SignatureFile,
  signPayload,
} from '../../core/signature/index.js';
import {
  appendSignature,
  certificate,
  lacks,
  minisignKeys,
  pemKeys,
  runTool,
} from '../support/signers.js';

const folder = mkdtempSync(join(tmpdir(), 'xsplice-signatures-'));
after(() => rmSync(folder, { recursive: true }));

const read = (file: string): SignatureFile => ({ file, bytes: readFileSync(join(folder, file)) });
const keyOf = (file: string) => readTrustedKey(read(file).bytes, file);
const PAYLOAD = 'fix.livepatch';
writeFileSync(join(folder, PAYLOAD), Buffer.from('\x7fELF, and what a payload has\0'.repeat(20)));

/** What comes of each signature, in short. */
function states(payload: string, beside: readonly string[], keys: readonly string[]) {
  const answers = answersOf(read(payload), beside.map(read), keys.map(keyOf));
  return answers.map(({ format, state, key }) => `${format} ${state} ${key?.file ?? '-'}`);
}

/** Each byte of a file changed, one at a time: which of the changes were not noticed. */
function unnoticed(changed: Uint8Array, isVerified: (bytes: Uint8Array) => boolean): number[] {
  assert.equal(isVerified(changed), true, 'it is verified as it is');
  return [...changed.keys()].filter((at) => {
    const bytes = Uint8Array.from(changed);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    return isVerified(bytes);
  });
}

describe('minisign', { skip: lacks('minisign') }, () => {
  it('signs with and without a digest first, and any change is noticed', () => {
    minisignKeys(folder, 'mini');
    minisignKeys(folder, 'other');
    runTool(folder, `minisign -S -s mini.key -m ${PAYLOAD} -x new.minisig -t built-by-us`);
    runTool(folder, `minisign -S -l -s mini.key -m ${PAYLOAD} -x old.minisig`);
    for (const signature of ['new.minisig', 'old.minisig']) {
      assert.deepEqual(states(PAYLOAD, [signature], ['other.pub', 'mini.pub']), [
        'minisign verified mini.pub',
      ]);
      assert.deepEqual(states(PAYLOAD, [signature], ['other.pub']), ['minisign untrusted -']);
      const { bytes } = read(signature);
      const key = [keyOf('mini.pub')];
      const commentEnd = bytes.indexOf(0x0a);
      const verified = (payload: Uint8Array, beside: Uint8Array) =>
        answersOf(
          { file: PAYLOAD, bytes: payload },
          [{ file: signature, bytes: beside }],
          key,
        ).some(({ state }) => state === 'verified');
      // The first line says itself that nobody is to trust it, and the last line feed is none of the signature.
      const here = read(PAYLOAD).bytes;
      const missed = unnoticed(bytes, (changed) => verified(here, changed));
      const head = 'untrusted comment: '.length;
      const isFree = (at: number) => (at >= head && at < commentEnd) || at === bytes.length - 1;
      assert.deepEqual(
        missed.filter((at) => !isFree(at)),
        [],
      );
      assert.deepEqual(
        unnoticed(here, (changed) => verified(changed, bytes)),
        [],
      );
    }
  });

  it('takes what is signed here, with a password and without', () => {
    minisignKeys(folder, 'plain');
    minisignKeys(folder, 'secret', 'a word');
    for (const [name, password] of [
      ['plain', null],
      ['secret', 'a word'],
    ] as const) {
      const key = readSecretKey(read(`${name}.key`).bytes, name, password);
      const signed = signPayload(read(PAYLOAD).bytes, key, `of ${name}`);
      assert.equal(signed.suffix, '.minisig');
      writeFileSync(join(folder, `${PAYLOAD}.minisig`), signed.bytes);
      runTool(folder, `minisign -V -p ${name}.pub -m ${PAYLOAD}`);
    }
  });
});

describe('signify', { skip: lacks('signify-openbsd') }, () => {
  it('signs, takes what is signed here, and any change is noticed', () => {
    runTool(folder, 'signify-openbsd -G -n -p sfy.pub -s sfy.sec');
    runTool(folder, `signify-openbsd -S -s sfy.sec -m ${PAYLOAD} -x sfy.sig`);
    assert.deepEqual(states(PAYLOAD, ['sfy.sig'], ['sfy.pub']), ['signify verified sfy.pub']);
    const key = readSecretKey(read('sfy.sec').bytes, 'sfy.sec', null);
    writeFileSync(join(folder, 'own.sig'), signPayload(read(PAYLOAD).bytes, key, '').bytes);
    runTool(folder, `signify-openbsd -V -p sfy.pub -m ${PAYLOAD} -x own.sig`);
    const keys = [keyOf('sfy.pub')];
    const { bytes } = read('sfy.sig');
    const missed = unnoticed(bytes, (changed) =>
      answersOf(read(PAYLOAD), [{ file: 'sfy.sig', bytes: changed }], keys).some(
        ({ state }) => state === 'verified',
      ),
    );
    const end = bytes.indexOf(0x0a);
    const isFree = (at: number) => (at >= 19 && at < end) || at === bytes.length - 1;
    assert.deepEqual(
      missed.filter((at) => !isFree(at)),
      [],
    );
  });

  it('keeps a key under a password of a kind that is not read here, which is said', () => {
    const [comment, line = ''] = Buffer.from(read('sfy.sec').bytes).toString().split('\n');
    const body = Buffer.from(line, 'base64');
    body.writeUInt32BE(42, 4);
    const bytes = Buffer.from(`${comment}\n${body.toString('base64')}\n`);
    assert.throws(() => readSecretKey(bytes, 'sfy.sec', 'a word'), { code: 'key-invalid' });
  });
});

describe('openssl', { skip: lacks('openssl') }, () => {
  it('signs with Ed25519 in PEM, takes what is signed here, and any change is noticed', () => {
    pemKeys(folder, 'ed');
    const sign = `openssl pkeyutl -sign -rawin -inkey ed.pem -in ${PAYLOAD} -out ed.sig`;
    runTool(folder, sign);
    assert.deepEqual(states(PAYLOAD, ['ed.sig'], ['ed.pub.pem']), ['ed25519 verified ed.pub.pem']);
    writeFileSync(
      join(folder, 'ed64.sig'),
      `${Buffer.from(read('ed.sig').bytes).toString('base64')}\n`,
    );
    assert.deepEqual(states(PAYLOAD, ['ed64.sig'], ['ed.pub.pem']), [
      'ed25519 verified ed.pub.pem',
    ]);
    const key = readSecretKey(read('ed.pem').bytes, 'ed.pem', null);
    writeFileSync(join(folder, 'own.raw'), signPayload(read(PAYLOAD).bytes, key, '').bytes);
    const verify = `openssl pkeyutl -verify -rawin -pubin -inkey ed.pub.pem -in ${PAYLOAD}`;
    runTool(folder, `${verify} -sigfile own.raw`);
    const keys = [keyOf('ed.pub.pem')];
    const missed = unnoticed(read('ed.sig').bytes, (changed) =>
      answersOf(read(PAYLOAD), [{ file: 'ed.sig', bytes: changed }], keys).some(
        ({ state }) => state === 'verified',
      ),
    );
    assert.deepEqual(missed, []);
  });

  const KINDS = [
    ['rsa', 'rsa:2048'],
    ['ec', 'ec -pkeyopt ec_paramgen_curve:P-256'],
  ] as const;
  const HOW = [
    ['without signed attributes', '-noattr'],
    ['with signed attributes', ''],
    ['by key identifier', '-noattr -keyid'],
  ] as const;
  for (const [name, kind] of KINDS) {
    for (const [title, how] of HOW) {
      it(`appends CMS of ${name} ${title}, and any change is noticed`, () => {
        certificate(folder, name, kind);
        const signed = appendSignature(folder, PAYLOAD, name, how);
        assert.deepEqual(states(signed, [], [`${name}.crt`]), [`cms verified ${name}.crt`]);
        certificate(folder, 'stranger', kind);
        assert.deepEqual(states(signed, [], ['stranger.crt']), ['cms untrusted -']);
        runTool(folder, `openssl x509 -in ${name}.crt -outform DER -out ${name}.der`);
        const keys = [keyOf(`${name}.der`)];
        const missed = unnoticed(read(signed).bytes, (bytes) =>
          answersOf({ file: signed, bytes }, [], keys).some(({ state }) => state === 'verified'),
        );
        assert.deepEqual(missed, []);
      });
    }
  }

  it('keeps a key under a password, which has to be the right one', () => {
    runTool(folder, 'openssl genpkey -algorithm ed25519 -aes256 -pass pass:right -out locked.pem');
    const { bytes } = read('locked.pem');
    assert.equal(readSecretKey(bytes, 'locked.pem', 'right').kind, 'ed25519');
    for (const password of [null, 'wrong']) {
      assert.throws(() => readSecretKey(bytes, 'locked.pem', password), { code: 'wrong-password' });
    }
  });

  it('makes signatures that do not count: of SHA-1, of two signers, with contents of their own', () => {
    certificate(folder, 'rsa', 'rsa:2048');
    certificate(folder, 'ec', 'ec -pkeyopt ec_paramgen_curve:P-256');
    for (const how of ['-md sha1', '-nodetach', '-signer ec.crt -inkey ec.key']) {
      const signed = appendSignature(folder, PAYLOAD, 'rsa', `-noattr ${how}`);
      assert.deepEqual(states(signed, [], ['rsa.crt']), ['cms damaged -'], how);
    }
  });
});
