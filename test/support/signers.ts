import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why what a real signing program makes cannot be tried here; false where it can. */
export function lacks(...programs: readonly string[]): string | false {
  const missing = programs.filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  return missing.length > 0 && `there is no ${missing.join(', ')} here`;
}

/** Runs a program that has to succeed, with what it is asked for on its standard input. */
export function runTool(folder: string, command: string, input = ''): void {
  const [program = '', ...words] = command.split(' ');
  const { status, stderr, error } = spawnSync(program, words, { cwd: folder, input });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.toString()}`);
}

/** Makes keys of minisign, which asks for a password twice where one is given. */
export function minisignKeys(folder: string, name: string, password: string | null = null): void {
  const how = password === null ? '-W ' : '';
  const input = password === null ? '' : `${password}\n${password}\n`;
  runTool(folder, `minisign -G -f ${how}-p ${name}.pub -s ${name}.key`, input);
}

/** Makes a key and its certificate, in PEM: `rsa:2048`, or `ec -pkeyopt ec_paramgen_curve:P-256`. */
export function certificate(folder: string, name: string, key: string): void {
  const files = `-keyout ${name}.key -out ${name}.crt -subj /O=Fixes/CN=${name}`;
  runTool(folder, `openssl req -x509 -nodes -days 3650 -newkey ${key} ${files}`);
}

/** Makes a key of openssl's form without openssl: the secret one at this path, the public one beside it (.pub). */
export function makeKey(path: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(`${path}.pub`, publicKey.export({ format: 'pem', type: 'spki' }));
  return path;
}

/** Makes an Ed25519 key in PEM, by openssl. */
export function pemKeys(folder: string, name: string): void {
  runTool(folder, `openssl genpkey -algorithm ed25519 -out ${name}.pem`);
  runTool(folder, `openssl pkey -in ${name}.pem -pubout -out ${name}.pub.pem`);
}

/** Appends a signature as Linux's sign-file does: CMS, a trailer, a marker. */
export function appendSignature(folder: string, file: string, name: string, more = ''): string {
  const signed = `${file}.signed`;
  const signer = `-signer ${name}.crt -inkey ${name}.key -outform DER -out ${signed}.cms`;
  const how = more === '' ? '' : ` ${more}`;
  const digest = more.includes('-md') ? '' : ' -md sha256';
  runTool(folder, `openssl cms -sign -in ${file} -binary -nocerts${how}${digest} ${signer}`);
  const cms = readFileSync(join(folder, `${signed}.cms`));
  writeFileSync(join(folder, signed), withTrailer(readFileSync(join(folder, file)), cms));
  return signed;
}

/** A file with CMS behind it, and what says so. */
export function withTrailer(bytes: Uint8Array, cms: Uint8Array): Buffer {
  const info = Buffer.alloc(12);
  info[2] = 2;
  info.writeUInt32BE(cms.length, 8);
  return Buffer.concat([bytes, cms, info, Buffer.from('~Module signature appended~\n')]);
}
